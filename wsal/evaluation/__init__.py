"""How good a classifier is, how many labels a target needs, and which texts measure that."""
