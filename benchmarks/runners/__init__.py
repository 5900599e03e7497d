"""The simulators that are compared, each a module with `run(task, gate)` and the name of its rule in `RULE`.

Every one of them is handed the same images, shares, initial numbers and settings, and plays rounds in a process of its
own until it is told to stop.
"""
