"""Run ``python -m labeltui``: the same as ``labeltui``."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
