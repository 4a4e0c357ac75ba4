"""Run every stage, from rules to an exported model.

python scripts/run.py experiment=smoke
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("run")
