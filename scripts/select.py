"""Choose the texts to ask about in this round.

python scripts/select.py strategy=margin
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("select")
