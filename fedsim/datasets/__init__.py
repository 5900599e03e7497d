"""Datasets: names -> labelled images; `contract.py` holds the contract."""

from fedsim.datasets.contract import (
    SUPPLIES,
    Count,
    Dataset,
    Examples,
    Function,
    check_dataset,
    check_examples,
    dataset,
    datasets,
)

__all__ = [
    "SUPPLIES",
    "Count",
    "Dataset",
    "Examples",
    "Function",
    "check_dataset",
    "check_examples",
    "dataset",
    "datasets",
]
