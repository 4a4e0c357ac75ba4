"""Say what each round brought, what it cost, and how sure that is.

python scripts/assess.py name=catalog active.price_per_hour=30
"""

import sys

sys.path.pop(0)  # this folder: its select.py would stand before Python's own
from wsal.cli import launch

if __name__ == "__main__":
    launch("assess")
