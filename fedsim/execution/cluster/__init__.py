"""Workers on other machines, or on this one, that Dask brings together: the only folder that knows it.

The owner of a run keeps every array in its own memory. What never changes each worker is sent once, parameters once a
round, and rows come back with a job's result. Jobs are pure, so what a lost worker was at is done by another.
"""
