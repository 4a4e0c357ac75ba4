"""`python -m wsal` is `wsal`; so `torchrun -m wsal pretrain` works too."""

from wsal.cli import main

if __name__ == "__main__":
    main()
