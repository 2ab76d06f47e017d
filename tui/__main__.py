"""``python -m tui``: the same as ``labeltui``."""

import sys

from tui.cli import main

sys.exit(main())
