"""Run ``python -m tui``: the same as ``labeltui``."""

import sys

from tui.start import main

sys.exit(main())
