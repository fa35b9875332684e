"""``python -m holigrail_hw`` is the command ``holigrail``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
