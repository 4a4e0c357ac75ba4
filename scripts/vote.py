"""Let every rule vote on every text.

python scripts/vote.py rules=catalog
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("vote")
