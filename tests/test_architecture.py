"""Who may know whom: the plan of the house, read from the source and held."""

import ast
import itertools
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
FILES = sorted([*(HOUSE / "fedsim").rglob("*.py"), *(HOUSE / "cli").rglob("*.py")])
TREES = {path.relative_to(HOUSE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
FAMILIES = [
    "aggregators", "preaggregators", "attacks", "datasets", "partitions", "models", "local_algorithms", "optimizers",
    "server_optimizers", "schedules", "latencies", "workloads", "availabilities", "metrics", "trackers",
]  # fmt: skip

# From the ground up: a floor may import its own rooms and those of the floors it stands on, never one above.
FLOORS = {
    "ground": (
        [],
        "errors array_types array_interop blame checked_calls events atomic_files exact_fractions clean_text "
        "byte_sizes html_tables randomness layers registry stand_ins signatures supply inputs tasks paths "
        "plugins plugins.* kernels kernels.* provenance code_files",
    ),
    "execution": (["ground"], "execution execution.*"),
    "contracts": (["ground"], " ".join(f"{family} {family}.contract" for family in FAMILIES)),
    "families": (["ground", "contracts", "execution"], " ".join(f"{family}.*" for family in FAMILIES)),
    "scenario": (["ground", "contracts"], "scenario scenario.*"),
    "functional": (["ground", "contracts", "scenario"], "functional"),
    # fedsim beside other packages, by the same door as a person with a matrix
    "conformance": (["ground", "functional"], "conformance conformance.*"),
    "training": (["ground", "contracts", "scenario", "execution"], "training training.*"),
    "probe": (["ground", "contracts", "scenario", "laws"], "probe probe.*"),
    "laws": (["ground", "contracts", "scenario", "execution", "training"], "laws laws.*"),
    "simulation": (["ground", "contracts", "scenario", "execution", "training"], "simulation simulation.* engine"),
    # the judgement inside other frameworks
    "integrations": (["ground", "contracts", "scenario", "simulation"], "integrations integrations.*"),
    "runs": (["ground", "contracts", "scenario", "execution", "training", "simulation"], "runs runs.*"),
    "proof": (
        ["ground", "contracts", "scenario", "execution", "training", "simulation", "runs", "study"],
        "proof proof.*",
    ),
    "study": (["ground", "contracts", "scenario", "execution", "simulation", "runs"], "study study.*"),
    "report": (["ground", "contracts", "scenario", "simulation", "runs", "study", "probe"], "report report.*"),
    # what a notebook asks for in one line
    "drawing": (["ground", "scenario", "runs", "study", "report"], "drawing"),
    "front": (
        ["ground", "scenario", "functional", "simulation", "runs", "proof", "study", "drawing"],
        "__init__ __main__",
    ),
}

# What fedsim is compared with where it is installed.
PEERS = {"byzfl", "byzpy", "fedjax", "jax", "fedlab", "flwr", "krum", "pfl", "qora"}

# Who may import a library at all; the ones marked lazy only inside a function, so that starting up stays fast.
LIBRARIES = {
    "numpy": ["*"],
    "annotated_types": ["fedsim/*"],
    "typing_extensions": ["fedsim/scenario/validation.py", "fedsim/scenario/choices.py"],
    "pydantic": [
        "fedsim/scenario/validation.py",
        "fedsim/scenario/choices.py",
        "fedsim/scenario/sections.py",
        "fedsim/scenario/keeping.py",
        "fedsim/scenario/build.py",
        "fedsim/scenario/json_schema.py",
    ],
    "pydantic_core": ["fedsim/scenario/validation.py", "fedsim/scenario/choices.py"],
    "tomli": ["fedsim/scenario/load.py", "fedsim/scenario/overrides.py", "fedsim/scenario/pipelines.py"],
    "tomli_w": ["fedsim/scenario/load.py"],
    "cloudpickle": ["fedsim/execution/sending.py"],
    "joblib": ["fedsim/execution/pool.py", "fedsim/execution/side_by_side.py", "fedsim/execution/workers.py"],
    "distributed": ["fedsim/execution/cluster/*"],  # the extra `dask`
    "threadpoolctl": ["fedsim/execution/arithmetic.py"],
    "llvmlite": ["fedsim/kernels/*"],
    "safetensors": [
        "fedsim/runs/checkpoints.py",
        "fedsim/runs/folder.py",
        "fedsim/runs/load.py",
        "fedsim/runs/recorded_updates.py",
        "fedsim/training/saved_numbers.py",
    ],
    "typer": ["cli/*"],
    "click": ["cli/*"],
    "rich": ["cli/*"],
    "matplotlib": ["fedsim/report/*"],
    "jinja2": ["fedsim/report/*"],  # templates of pages and of LaTeX
    "markupsafe": ["fedsim/report/page.py"],  # jinja2's mark of what is escaped already
    "PIL": ["fedsim/datasets/*"],
    "pandas": ["fedsim/runs/compared.py", "fedsim/runs/load.py", "fedsim/study/results.py"],
    "mlflow": ["fedsim/trackers/mlflow.py"],
    "wandb": ["fedsim/trackers/wandb.py"],
    "pyarrow": ["fedsim/study/rounds.py", "fedsim/datasets/parquet.py", "fedsim/report/table_files.py"],
    "sklearn": ["fedsim/datasets/*", "fedsim/aggregators/*", "fedsim/probe/published.py"],
    "scipy": [
        "fedsim/aggregators/*",
        "fedsim/attacks/*",
        "fedsim/partitions/*",
        "fedsim/probe/coefficient.py",
        "fedsim/study/statistics.py",
        "fedsim/runs/ledger_totals.py",
    ],
    "datasets": ["fedsim/partitions/partitioners.py"],  # Hugging Face's, of flwr-datasets
    "optuna": ["fedsim/proof/attack_samplers.py"],  # the extra `search`
    "torchvision": ["fedsim/datasets/*"],
    "torch": ["fedsim/*", "cli/bench/*", "benchmarks/*"],
    **{peer: ["benchmarks/*", "fedsim/conformance/peers/*"] for peer in PEERS},
    "flwr": ["benchmarks/*", "fedsim/conformance/peers/*", "fedsim/integrations/flower.py"],
}
LAZY = {
    "torch",
    "torchvision",
    "scipy",
    "sklearn",
    "matplotlib",
    "jinja2",
    "markupsafe",
    "PIL",
    "pandas",
    "pyarrow",
    "mlflow",
    "wandb",
    "optuna",
    "distributed",
    "datasets",
    *PEERS,
}
EAGER = (
    {"fedsim/execution/cluster/own_workers.py": {"distributed"}}
    | {
        file: {"torch"}
        for file in TREES
        if file.startswith(
            ("fedsim/training/", "fedsim/simulation/", "fedsim/engine.py", "fedsim/execution/torch_settings")
        )
    }
    | {"fedsim/integrations/flower.py": {"flwr"}}
)  # its strategy is a class of Flower's


def over(files):
    """Ask the same of every file, and tell of all that fail."""

    def asking(test):
        def ask_all():
            breaches = []
            for file in files:
                try:
                    test(file)
                except AssertionError as error:
                    breaches.append(f"{file}: {error}")
            assert breaches == [], "\n".join(breaches)

        return ask_all

    return asking


every_file = over(TREES)
in_fedsim = over([file for file in TREES if file.startswith("fedsim/")])


def imported(tree, *, at_start_up=False):
    """The modules a file imports, with what is taken from them where that may be a module too."""
    nodes = tree.body if at_start_up else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (part if is_module(part) else node.module for part in parts)


def is_module(name):
    path = HOUSE.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def module_of(file):
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room_of(module):
    return "__init__" if module == "fedsim" else module.removeprefix("fedsim.")


def floor_of(room):
    for floor, (_, rooms) in FLOORS.items():
        if any(fnmatch(room, pattern) for pattern in rooms.split()):
            return floor
    raise AssertionError(f"give `{room}` a place among the floors")


def calls(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


@in_fedsim
def test_a_room_knows_only_the_floors_it_stands_on(file):
    room = room_of(module_of(file))
    floor = floor_of(room)
    for module in imported(TREES[file]):
        if module.split(".")[0] != "fedsim":
            assert module.split(".")[0] != "cli", "fedsim never imports cli"
            continue
        below = floor_of(room_of(module))
        assert below in (floor, *FLOORS[floor][0]), f"{room} ({floor}) imports {room_of(module)} ({below})"


@in_fedsim
def test_families_do_not_know_each_other(file):
    family = room_of(module_of(file)).split(".")[0]
    if family not in FAMILIES:
        return
    for module in (each for each in imported(TREES[file]) if each.startswith("fedsim.")):
        other = room_of(module).split(".")[0]
        borrowed = family == "preaggregators" and room_of(module) == "aggregators.contract"
        assert other not in FAMILIES or other == family or borrowed, f"{family} imports {module}"


def test_no_two_rooms_need_each_other_to_start():
    edges = {
        module_of(file): {m for m in imported(tree, at_start_up=True) if m.startswith("fedsim.")}
        for file, tree in TREES.items()
        if file.startswith("fedsim/")
    }
    while leaves := [room for room, needs in edges.items() if not needs & edges.keys()]:
        for room in leaves:
            del edges[room]
    assert not edges, f"a circle among {', '.join(edges)}"


@every_file
def test_a_library_stays_in_its_room(file):
    for module in imported(TREES[file]):
        library = module.split(".")[0]
        if library not in sys.stdlib_module_names | {"fedsim", "cli"}:
            assert library in LIBRARIES, f"say who may import {library}"
            assert any(fnmatch(file, pattern) for pattern in LIBRARIES[library]), f"{file} imports {library}"


@every_file
def test_what_is_slow_to_import_is_imported_where_it_is_used(file):
    eager = {module.split(".")[0] for module in imported(TREES[file], at_start_up=True)}
    assert eager & LAZY <= EAGER.get(file, set())


@pytest.mark.parametrize(
    "start",
    [
        "import fedsim, fedsim.functional",
        "from fedsim.registry import registries; [list(registry) for registry in registries().values()]",
        "import fedsim.scenario.sections, fedsim.scenario.load; fedsim.scenario.load.parse_scenario('rounds = 2')",
        "import cli.app",
    ],
)
def test_starting_up_costs_no_torch(start):
    code = f"{start}\nimport sys; print(*{LAZY | {'joblib'}} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=HOUSE)
    assert answer.stdout.split() == []


RUN = '''
import sys, fedsim
from fedsim.scenario.load import parse_scenario
scenario = """
rounds = 1
model = "lenet5"
root.size = 2
evaluation.validation = 2
data = { name = "glyphs", writers = 2, samples = 62 }
clients = { population = 2, sampled = 2 }
execution.workers = 1
[[attacks]]
name = "neurotoxin"
count = 1
"""
list(fedsim.simulate(parse_scenario(scenario)))
print(*{"torch._dynamo", "sympy", "scipy.stats", "sklearn", "torchvision", "matplotlib", "pandas"} & sys.modules.keys())
'''


def test_a_run_imports_what_it_needs_and_no_compiler():
    answer = subprocess.run([sys.executable, "-c", RUN], check=True, capture_output=True, text=True, cwd=HOUSE)
    assert answer.stdout.split() == []


def test_importing_fedsim_costs_nothing():
    code = "import sys, fedsim; print(*{'numpy', 'pydantic', 'torch'} & sys.modules.keys())"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=HOUSE)
    assert answer.stdout.split() == []


@every_file
def test_a_file_is_read_in_one_sitting(file):
    assert len((HOUSE / file).read_text(encoding="utf-8").splitlines()) <= 250


@every_file
def test_a_function_fits_on_a_page(file):
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) else node.body
            lines = statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


@every_file
def test_a_name_says_what_is_inside(file):
    assert Path(file).stem not in {"utils", "util", "common", "helpers", "helper", "base", "misc", "core", "tools"}


@in_fedsim
def test_nothing_is_printed_or_unpickled_or_seeded_for_all(file):
    modules = set(imported(TREES[file]))
    banned = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "random", "secrets"}
    if file == "fedsim/execution/sending.py":
        banned.remove("cloudpickle")  # what a run sends to its own workers, never what lies in a file
    assert not modules & banned
    for call in calls(TREES[file]):
        name = ast.unparse(call.func)
        assert name not in {"print", "input", "breakpoint"}
        assert name.rpartition(".")[2] not in {"set_state", "set_rng_state"}


@in_fedsim
def test_numpy_draws_come_from_a_stream(file):
    types = {"Generator", "Philox"} if file == "fedsim/randomness.py" else {"Generator"}
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            assert node.attr in types, f"line {node.lineno}: np.random.{node.attr}"
    assert not any(module.startswith("numpy.random") for module in imported(TREES[file]))


@in_fedsim
def test_torchs_global_generator_is_seeded_only_where_it_is_given_back(file):
    seedings = {id(call) for call in calls(TREES[file]) if seeds_globally(call)}
    forked = {
        id(call)
        for block in ast.walk(TREES[file])
        if isinstance(block, ast.With) and any("fork_rng" in ast.unparse(item) for item in block.items)
        for call in calls(block)
    }
    assert seedings <= forked


def seeds_globally(call):
    return ast.unparse(call.func) in {"torch.manual_seed", "torch.random.manual_seed", "torch.seed", "np.random.seed"}


def test_the_environment_is_read_where_it_is_said():
    readers = {
        f for f, tree in TREES.items() if f.startswith("fedsim/") and any(map(reads_environment, ast.walk(tree)))
    }
    kept, started, named = (
        "fedsim/datasets/cache.py",
        {"fedsim/__init__.py", "fedsim/execution/arithmetic.py", "fedsim/execution/workers.py"},
        "fedsim/provenance.py",
    )
    assert readers <= {kept, *started, named}  # where data is kept, what libraries start with, what is named


def reads_environment(node):
    names = {getattr(node, "attr", ""), getattr(node, "id", "")}
    names |= {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
    return bool(names & {"environ", "environb", "getenv"})


def test_algorithms_are_functions_and_no_class_has_children():
    classes = {node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    errors = {node.name for node in TREES["fedsim/errors.py"].body if isinstance(node, ast.ClassDef)}
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                parents = {ast.unparse(base) for base in node.bases}
                assert not parents & classes - errors, f"{file}: {node.name} is a child of {parents}"


def test_every_room_on_the_plan_is_a_room():
    named = list(itertools.chain.from_iterable(rooms.split() for _, rooms in FLOORS.values()))
    rooms = {room_of(module_of(file)) for file in TREES}
    assert [name for name in named if not any(fnmatch(room, name) for room in rooms)] == []
