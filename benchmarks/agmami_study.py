"""Which λ makes aGMaMI defend? Three attacks × two models × ten seeds, every λ on the same data and cohorts.

    python benchmarks/agmami_study.py --seeds 10 --write docs/agmami.csv

Prints, for each λ, the Byzantine and the honest rows that were kept, and validation and final accuracy; the λ that the
default is taken from is the one of greatest mean validation accuracy.
"""

import argparse
import csv
import itertools
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import fedsim

RULES = {
    "fedmi": {"name": "fedmi"},
    "mean": {"name": "mean"},
    "research": {"name": "agmami", "variant": "research"},
    **{f"λ = {penalty:g}": {"name": "agmami", "penalty": penalty} for penalty in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0)},
}
MODELS = {
    "mlp, 10 classes": 'data = "digits"\nmodel = "mlp"\nclients.population = 50',
    "lenet5, 62 classes": 'data = "glyphs"\nmodel = "lenet5"\npartition = "by_writer"',
}
ATTACKS = ("data", "model", "noise")
SCENARIO = """
rounds = 30
seed = {seed}
{model}
clients.sampled = 10
root.size = 100
execution.workers = 1
training.epochs = 5
training.batch_size = 16
training.optimizer = {{ name = "sgd", lr = 0.01, momentum = 0.9 }}
aggregator = {rule}
[[attacks]]
name = "{attack}"
fraction = 0.2
"""
COLUMNS = ("rule", "model", "attack", "seed", "byzantine_kept", "honest_kept", "validation", "final")


def measured(cell):
    """One run, as a row of the table."""
    rule, model, attack, seed = cell
    table = ", ".join(
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in RULES[rule].items()
    )
    text = SCENARIO.format(seed=seed, model=MODELS[model], rule=f"{{ {table} }}", attack=attack)
    attackers, kept, validation, final = set(), {True: [], False: []}, None, None
    for event in fedsim.simulate(parsed(text)):
        if isinstance(event, fedsim.events.RoundStarted):
            attackers = set(event.byzantine)
        elif isinstance(event, fedsim.events.Aggregated):
            for client, weight in zip(event.clients, event.weights, strict=False):
                kept[client in attackers].append(weight > 0)
        elif isinstance(event, fedsim.events.RoundEnded):
            validation, final = event.validation_accuracy, event.accuracy
    return (rule, model, attack, seed, statistics.fmean(kept[True]), statistics.fmean(kept[False]), validation, final)


def parsed(text):
    """The scenario of a text."""
    from fedsim.scenario.load import parse_scenario

    return parse_scenario(text)


def summary(rows):
    """A Markdown table: means of each rule, then Byzantine kept / honest kept / final accuracy of each cell."""
    cells = list(itertools.product(MODELS, ATTACKS))
    heads = ["rule", "Byzantine kept", "honest kept", "validation", "final"]
    yield "| " + " | ".join(heads + [f"{model.split(',')[0]} {attack}" for model, attack in cells]) + " |"
    yield "|---|" + "--:|" * (4 + len(cells))
    for rule in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == rule]
        whole = means(own)
        each = [means([row for row in own if row[1:3] == cell]) for cell in cells]
        numbers = [f"{whole[0]:.2f}", f"{whole[1]:.2f}", f"{whole[2]:.3f}", f"{whole[3]:.3f}"]
        numbers += [f"{byzantine:.2f} / {honest:.2f} / {final:.3f}" for byzantine, honest, _, final in each]
        yield f"| {rule} | " + " | ".join(numbers) + " |"


def means(rows):
    """Of the four measured columns."""
    return [statistics.fmean(row[column] for row in rows) for column in (4, 5, 6, 7)]


def main():
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rules", nargs="*", default=list(RULES))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    cells = [(*cell[1:], cell[0]) for cell in itertools.product(seeds, given.rules, MODELS, ATTACKS)]
    with ProcessPoolExecutor(given.processes) as pool:
        rows = list(pool.map(measured, cells))
    if given.write:
        with given.write.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
