"""Have the open round answered.

python scripts/annotate.py annotator=file
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("annotate")
