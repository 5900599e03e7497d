"""One round after another: the federation, its adversaries, the steps of a round and the server's state.

The order of the steps stands in `fedsim.engine`; how a client trains stands in `fedsim.training`.
"""
