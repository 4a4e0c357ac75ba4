"""From what a user typed to checked settings and components. Only this package knows of Hydra."""
