"""``python -m holigrail_hw.cli`` is the command ``holigrail``."""

import sys

from .main import main

sys.exit(main())
