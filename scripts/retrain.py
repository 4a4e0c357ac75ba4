"""Train on weak labels anew, if gold has changed them enough.

python scripts/retrain.py retrain.distance=0.02
torchrun --standalone --nproc_per_node 4 scripts/retrain.py
"""

from wsal.cli import main

if __name__ == "__main__":
    main("retrain")
