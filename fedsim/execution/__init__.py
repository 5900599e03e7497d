"""Where work runs, never what it computes: the pool of workers and the arrays they share.

The only folder that knows joblib.
"""
