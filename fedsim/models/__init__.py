"""Models: (shape, classes) -> torch module; `_family.py` holds the contract."""
