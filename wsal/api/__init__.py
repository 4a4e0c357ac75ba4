"""wsal for notebooks and scripts: no Hydra, no run folder. `import wsal` offers these names."""
