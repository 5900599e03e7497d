"""The arithmetic below the rules: passes over the update matrix, one block of columns at a time."""

from fedsim.kernels.blocks import column_blocks
from fedsim.kernels.measures import products_about, squared_distances_to
from fedsim.kernels.ranks import mean_of_ranks, survival
from fedsim.kernels.sums import weighted_sum, weighted_sums

__all__ = [
    "column_blocks",
    "mean_of_ranks",
    "products_about",
    "squared_distances_to",
    "survival",
    "weighted_sum",
    "weighted_sums",
]
