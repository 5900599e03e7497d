"""Evaluation: the test images of a round beside the loop that a researcher writes, one core."""

import statistics
from collections.abc import Iterator
from dataclasses import replace

from cli.bench import usual
from cli.bench.effort import Effort, must_agree
from cli.bench.machine import peak
from cli.bench.pairs import in_turn, ratio
from cli.bench.tables import Column, Row, Table, milliseconds, share, times, tiny
from cli.bench.workloads import WORKLOADS

MODELS = {"mlp": 0.203, "lenet5": 0.85, "femnist_cnn": 80.0}
"""Million floating-point operations of a forward pass of one example."""
COLUMNS = (
    Column("model", "model"),
    Column("images", "images"),
    Column("plain", "plain loop, ms", milliseconds),
    Column("ours", "fedsim, ms", milliseconds),
    Column("ratio", "ratio", times),
    Column("share", "of a large product's speed", share),
    Column("difference", "difference of the loss", tiny),
)
NOTE = f"The plain loop is a DataLoader in batches of {usual.SCORED} under `torch.no_grad()`; both count the same hits."


def section(effort: Effort) -> Iterator[Table]:
    """Each model."""
    rows: list[Row] = []
    for done, name in enumerate(MODELS):
        effort.progress(f"evaluating {name}", done, len(MODELS))
        rows.append(measured(name, 2_000 if effort.full else 1_000, effort.repeats(3, 7)))
    yield Table("evaluation", "Evaluation beside the plain loop, one core", COLUMNS, rows, (NOTE,))


def measured(name: str, images: int, repeats: int) -> Row:
    """One model under the numbers it begins with: the same score by both, then in turn."""
    import torch
    from torch.utils.data import TensorDataset

    from fedsim.execution.pool import Pool
    from fedsim.execution.shared_memory import Arena
    from fedsim.inputs import as_floats
    from fedsim.simulation.dispatch import Dispatcher
    from fedsim.simulation.federation import build_federation
    from fedsim.simulation.scoring import score

    federation, arena = build_federation(replace(WORKLOADS[name], tests=images).scenario()), Arena()
    dispatcher, module = Dispatcher(federation, Pool(1, "serial"), arena), federation.kind.build()
    dispatcher.broadcast(federation.parameters)
    torch.nn.utils.vector_to_parameters(torch.from_numpy(federation.parameters), module.parameters())
    data = TensorDataset(as_floats(federation.test.inputs), torch.from_numpy(federation.test.targets))
    ours, plain = score(federation, 0, dispatcher.predict()), usual.evaluate(module, data)
    must_agree(f"accuracy of {name}", abs(ours["accuracy"] - plain[0]), 2 / images)  # two images may stand on the edge
    difference = must_agree(f"loss of {name}", abs(ours["loss"] - plain[1]) / plain[1], 1e-5)
    spent = in_turn(
        {"plain": lambda: usual.evaluate(module, data), "ours": lambda: score(federation, 0, dispatcher.predict())},
        repeats,
    )
    arena.close()
    seconds = statistics.median(spent["ours"])
    return {
        "model": name, "images": images, "plain": statistics.median(spent["plain"]), "ours": seconds,
        "ratio": ratio(spent["plain"], spent["ours"]), "share": images * MODELS[name] * 1e6 / seconds / peak(),
        "difference": difference,
    }  # fmt: skip
