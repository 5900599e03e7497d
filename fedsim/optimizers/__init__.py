"""The clients' optimizers; `_family.py` holds the contract."""
