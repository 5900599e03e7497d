"""What every algorithm of a family must do, whoever wrote it: laws, tried on cases that are drawn from addresses.

    for verdict in fedsim.laws.check_file("my_rules.py"):
        print(verdict)

One that must break a law confesses it beside its code: `breaks={"translation": "why"}`.
"""

from fedsim.laws.check import check, check_file, laws_of
from fedsim.laws.verdicts import Broken, Verdict

__all__ = ["Broken", "Verdict", "check", "check_file", "laws_of"]
