"""Run the rounds of active learning, until a stop rule holds.

python scripts/active.py active.rounds=3
torchrun --standalone --nproc_per_node 4 scripts/active.py
"""

from wsal.cli import main

if __name__ == "__main__":
    main("active")
