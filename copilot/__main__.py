"""``python -m copilot`` is ``slipstream``."""

import sys

from copilot.cli import main

sys.exit(main())
