"""Figures of runs and comparisons; the only folder that knows matplotlib."""
