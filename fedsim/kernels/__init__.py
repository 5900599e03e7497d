"""The arithmetic below the rules: passes over the update matrix, one block of columns at a time."""

from fedsim.kernels.rules.blocks import column_blocks
from fedsim.kernels.rules.measures import distances_to, longest_gaps, power_of_two, products_about
from fedsim.kernels.rules.ranks import mean_of_ranks, survival, surviving_mean
from fedsim.kernels.rules.sums import weighted_sum, weighted_sums

__all__ = [
    "column_blocks",
    "distances_to",
    "longest_gaps",
    "mean_of_ranks",
    "power_of_two",
    "products_about",
    "survival",
    "surviving_mean",
    "weighted_sum",
    "weighted_sums",
]
