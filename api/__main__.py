"""`python -m tensorwright` and the console script `tensorwright`."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
