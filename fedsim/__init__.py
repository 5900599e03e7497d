"""fedsim: the laboratory for Byzantine-robust federated learning."""
