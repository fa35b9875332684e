"""``python -m holigrail_hw`` is the command ``holigrail``."""

import os
import sys

if __name__ == "__main__":
    # The folder where this is started holds data, not modules, so none may be imported before.
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():  # noqa: PTH109
        del sys.path[0]

    from holigrail_hw.cli.main import main

    sys.exit(main())
