"""How robust a rule is, whatever it is given: κ*, the number of rows that break it, how far it is moved.

    fedsim.probe.probe("nnm+krum", n=11, f=2)

Nothing is trained. A rule is a function of n rows of which f are anybody's; what can be proved of it stands beside what
a search finds. Searches are drawn from addresses, and the same question has the same answer.
"""

from fedsim.probe.breaking import breaking_number
from fedsim.probe.coefficient import Found, search
from fedsim.probe.published import closed_form, least_possible, published_bound
from fedsim.probe.question import Probe, candidates, probe
from fedsim.probe.subject import NotProbed, Subject

__all__ = [
    "Found",
    "NotProbed",
    "Probe",
    "Subject",
    "breaking_number",
    "candidates",
    "closed_form",
    "least_possible",
    "probe",
    "published_bound",
    "search",
]
