"""fedsim's rules inside other frameworks: one file for each framework, and what they have in common.

What another framework does itself (sampling, sending, training, scoring) stays its own; here is only the judgement.
"""
