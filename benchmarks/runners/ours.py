"""fedsim itself."""

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task

PACKAGE = "fedsim-byzantine"
RULES = ("mean", "trimmed_mean")


def run(task: Task, rule: str, gate: Gate) -> None:
    """The engine's own rounds."""
    from fedsim import events, simulate

    scenario = task.workload.scenario(rule, [f"training.batch_size={task.batch}", *_mixing(task)])
    with simulate(scenario) as simulation:
        for event in simulation:
            if isinstance(event, events.RoundEnded) and simulation.state:
                gate(simulation.state.parameters, event.accuracy)


def _mixing(task: Task) -> list[str]:
    return [f'preaggregators=[{{name="nnm", f={task.workload.f}}}]'] if task.workload.sends else []
