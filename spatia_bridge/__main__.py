"""`python -m spatia_bridge` is `spatia-bridge`."""

import sys

from spatia_bridge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
