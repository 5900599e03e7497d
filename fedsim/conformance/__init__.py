"""fedsim beside other packages: the same vectors to both, for every rule, pre-aggregator and attack they share.

    for finding in fedsim.conformance.conform():
        print(finding)

One file a package in `peers/`. A difference that a file states is checked as well: it must show, and the formula or the
parameters that it names must give the other package's numbers.
"""

from fedsim.conformance.compare import Finding, conform
from fedsim.conformance.peers import Peer, installed_peers, known_peers
from fedsim.conformance.shared import Difference, Shared

__all__ = ["Difference", "Finding", "Peer", "Shared", "conform", "installed_peers", "known_peers"]
