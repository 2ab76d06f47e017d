"""Measure labels against people: samples, estimates with intervals, agreement, alarms and a student model.

Everything here is pure: no clock, no disk, no network and no package beyond the standard library. A test imports each
module in a fresh process and compares the formulas with scipy, statsmodels, scikit-learn and krippendorff.
"""
