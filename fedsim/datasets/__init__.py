"""Datasets: names -> labelled images; `_family.py` holds the contract."""
