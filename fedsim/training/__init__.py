"""A client's local work: from the global parameters to one row of differences, and the scoring of a model.

Models appear as flat vectors; torch, the mlp kernels and the convnet kernels are interchangeable ways to a gradient.
Which clients train, and what becomes of their rows, is not known here.
"""
