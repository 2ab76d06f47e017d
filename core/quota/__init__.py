"""Decide who may ask when: keys, the ledger of quotas, what replies say about them, and the decisions that follow.

The worker talks to :class:`core.quota.pacing.broker.Broker`; the console and the command line to
:class:`core.quota.keys.store.KeyStore`. Everything else in here is pure and takes the time as an argument.
"""
