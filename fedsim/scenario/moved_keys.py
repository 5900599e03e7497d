"""Keys of earlier versions, and what says the same today: whoever writes one is told, and never misunderstood."""

from collections.abc import Mapping

MOVED_KEYS: Mapping[str, Mapping[str, str]] = {
    "Training": {
        "proximal": 'is a setting of FedProx now: write training.algorithm = {name = "fedprox", mu = …} with its value'
    },
    "Server": {
        "momentum": 'is a setting of its optimizer now: server.optimizer = {name = "sgd", momentum = …} with its value'
    },
}
"""Of each section by the name of its class: the key, and what to write instead."""
