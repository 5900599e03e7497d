"""Golden vectors: what the slow float64 formulas once made of fixed inputs, kept in `vectors.json`.

python -m tests.golden.make        # makes the file anew
"""
