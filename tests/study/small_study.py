"""A small study for the tests: two rules, two attacks, two seeds on a few digits."""

STUDY = """\
# Which rule is best?
seeds = 2

[base]
rounds = 3
data = "digits"
model = "logistic"
clients = { population = 12, sampled = 6 }
root = { size = 20 }
evaluation = { validation = 30, limit = 60 }

[variants.rule]
mean = { aggregator = "fedavg" }
median = { aggregator = "median" }

[variants.attack]
none = { attacks = [] }
flip = { attacks = [{ name = "sign_flip", fraction = 0.25 }] }
"""


def study_in(folder, text=STUDY, name="small.toml"):
    """The study's file in a folder."""
    path = folder / name
    path.write_text(text)
    return path
