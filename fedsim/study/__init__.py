"""Studies: one scenario varied along axes, a results folder a cell, and what the numbers say over seeds.

A study plans, schedules and counts; how a run goes and how it is kept is `fedsim.runs`' affair.
"""
