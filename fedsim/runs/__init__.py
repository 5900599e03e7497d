"""A run on disk: its folder, its files and checkpoints, its history, and whether it can be repeated.

Everything the terminal does with a run is done here, without a terminal.
"""
