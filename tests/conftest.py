"""Hypothesis without a stopwatch: how long an example takes says how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("fedsim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fedsim")
