"""Train the classifier on weak labels.

python scripts/pretrain.py encoder=minilm pretrain.lr=3e-5
torchrun --standalone --nproc_per_node 4 scripts/pretrain.py
"""

from wsal.cli import main

if __name__ == "__main__":
    main("pretrain")
