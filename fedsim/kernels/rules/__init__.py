"""Compiled arithmetic of the rules: sums, distances and order statistics, each beside a numpy twin."""
