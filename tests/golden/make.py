"""Make `vectors.json` anew by the slow formulas: python -m tests.golden.make."""

import json
import math
from pathlib import Path

import numpy as np

from tests.golden import training
from tests.golden.cases import all_drawn, drawn_images, listed, read, read_images
from tests.golden.formulas import DATA, FAMILIES

FILE = Path(__file__).with_name("vectors.json")
DIGITS = 12


def made():
    """Inputs, and what every formula makes of them."""
    cases = {name: listed(case) for name, case in all_drawn().items()}
    answers = {
        family: {
            name: {case: rounded(golden.formula(read(cases[case]))) for case in golden.cases}
            for name, golden in members.items()
        }
        for family, members in FAMILIES.items()
    }
    images = listed(drawn_images())
    poisoned = {name: formula(*read_images(images)) for name, (_, formula) in DATA.items()}
    data = {name: {"inputs": x.tolist(), "targets": y.tolist()} for name, (x, y) in poisoned.items()}
    steps = listed(training.drawn())
    rows = {
        name: {"row": rounded(formula(steps, **training.SETTINGS[name]))} for name, formula in training.FORMULAS.items()
    }
    return {
        "cases": cases,
        **answers,
        "examples": {"images": images},
        "data": data,
        "steps": {"drawn": steps},
        "training": rows,
    }


def rounded(values):
    """Twelve digits; JSON has no word for what is not finite."""
    if np.ndim(values):
        return [rounded(value) for value in values]
    return float(f"{values:.{DIGITS}g}") if math.isfinite(values) else str(float(values))


def lines(vectors):
    """JSON with a line for each vector, so that a change shows where it is."""
    for group, members in vectors.items():
        inner = ",\n".join(f'  "{name}": {{\n{_entries(entries)}\n  }}' for name, entries in members.items())
        yield f' "{group}": {{\n{inner}\n }}'


def _entries(entries):
    return ",\n".join(f'   "{key}": {json.dumps(value)}' for key, value in entries.items())


if __name__ == "__main__":
    FILE.write_text("{\n" + ",\n".join(lines(made())) + "\n}\n", encoding="utf-8")
    print(f"{FILE} written: {FILE.stat().st_size:,} bytes")
