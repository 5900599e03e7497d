"""Trackers: where else a run's numbers are told while it goes on; `contract.py` holds the contract.

Nothing here may change a run: trackers are told what has happened, after it is on record.
"""

from fedsim.trackers.contract import Listener, numbers, tracker, trackers

__all__ = ["Listener", "numbers", "tracker", "trackers"]
