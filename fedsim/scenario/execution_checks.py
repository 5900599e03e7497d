"""Whether the settings of [execution] go together, and what they need is installed."""

from importlib.util import find_spec

from fedsim.errors import Problem
from fedsim.scenario.sections import Scenario

CLUSTER, PACKAGE = "dask", "distributed"


def wrong_execution(scenario: Scenario) -> list[Problem]:
    """Settings of which one makes the other meaningless."""
    asked, problems = scenario.execution, []
    if asked.address is not None and asked.backend != CLUSTER:
        message = f'is that of a Dask cluster: it needs backend = "dask", and the backend is {asked.backend}'
        problems.append(Problem(("execution", "address"), message, asked.address))
    elif asked.address is not None and asked.workers != "auto":
        message = "counts processes that are started here: all workers of the cluster at `address` take part"
        problems.append(Problem(("execution", "workers"), message, asked.workers))
    return problems


def not_installed(scenario: Scenario) -> list[Problem]:
    """What a run of this scenario would need besides fedsim; whoever only reads its results does not."""
    if scenario.execution.backend != CLUSTER or find_spec(PACKAGE) is not None:
        return []
    message = f"dask needs the package {PACKAGE}, which is not installed: pip install 'fedsim-byzantine[dask]'"
    return [Problem(("execution", "backend"), message, CLUSTER)]
