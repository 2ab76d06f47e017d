"""Run files that were damaged, or made by somebody who means harm, and what every command makes of them."""
