"""Rules and attacks on a matrix of one's own, without any training."""

import numpy as np

import fedsim

honest = np.random.default_rng(0).normal(size=(8, 1000)).astype(np.float32)
forged = fedsim.attack("alie", honest, count=2)
updates = np.concatenate([honest, forged])
for rule in ("mean", "median", "trimmed_mean", "krum"):
    settings = {} if rule in ("mean", "median") else {"f": 2}
    error = np.linalg.norm(fedsim.aggregate(rule, updates, **settings) - honest.mean(axis=0))
    print(f"{rule:<14} {error:.3f} from the mean of the honest rows")
