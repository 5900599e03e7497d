"""The hand-written pages, as they are, in the same folders as in the repository, with the files that they link to."""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from fedsim.registry import Registry

HOUSE = Path(__file__).parent.parent.parent
START = """A laboratory for Byzantine-robust federated learning: what happens to a model that many clients train
together when some of the clients lie? One TOML file is one experiment, one command runs it on a
laptop, and the result repeats.

Every rule, attack, partition, data set, model and metric has a page here with its formula, its sources and an example.
The search box finds names, keys and options; it works without a network.

- [What it is](README.md): the three commands to begin with, and what may be relied on.
- [The scenario file](scenario-file.md): every key.
- [The command line](command-line.md): every command and option.
- [What the rules cost](benchmarks/RESULTS.md), and [which packages agree with them](docs/conformance.md)."""
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "benchmarks/*.md")
LINK = re.compile(r"(?P<label>!?\[[^\]]*\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def guides() -> list[Path]:
    """Every hand-written page, from the repository's root."""
    return [file.relative_to(HOUSE) for pattern in PAGES for file in sorted(HOUSE.glob(pattern))]


def copy_guides(folder: Path) -> None:
    """Copy the pages and what they link to; FileNotFoundError where a link leads nowhere."""
    for guide in guides():
        text = (HOUSE / guide).read_text(encoding="utf-8")
        for target in local_links(text):
            file = (HOUSE / guide.parent / target).resolve()
            if not file.exists():
                raise FileNotFoundError(f"{guide} links to {target}, which is not there")
            if file.suffix != ".md" and file.is_file():
                _copy(file, folder / file.relative_to(HOUSE))
        copied = folder / guide
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(_without_folders(text, (HOUSE / guide).parent), encoding="utf-8")


def local_links(text: str) -> Iterator[str]:
    """Targets of links to files of the repository, as they are written."""
    for found in LINK.finditer(CODE.sub("", text)):
        if "://" not in found["target"] and not found["target"].startswith("mailto:"):
            yield found["target"]


def _without_folders(text: str, here: Path) -> str:
    """Without links to folders, which a site cannot show."""
    return LINK.sub(lambda found: found["label"][1:-1] if (here / found["target"]).is_dir() else found[0], text)


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


def start(registries: Mapping[str, Registry], headings: Mapping[str, str]) -> str:
    """The start page: where to begin, every name, and the tree of all pages."""
    trees = {
        "Begin": ["What it is <README>", "scenario-file", "command-line"],
        "What there is": [f"reference/{family}/index" for family in registries],
        "Guides": [f"docs/{name}" for name in _ordered()],
        "The project": [
            "docs/architecture", "How times are taken <benchmarks/README>", "Times, measured <benchmarks/RESULTS>",
            "CONTRIBUTING", "CHANGELOG",
        ],
    }  # fmt: skip
    hidden = (_tree(title, pages) for title, pages in trees.items())
    names = (_named(registry, headings[family]) for family, registry in registries.items())
    return "\n\n".join(["# fedsim", START, "## Every name", *names, *hidden]) + "\n"


def _named(registry: Registry, heading: str) -> str:
    """A family and all that it holds."""
    links = (f"[`{entry.name}`](reference/{registry.family}/{entry.name}.md)" for entry in registry)
    return f"[{heading}](reference/{registry.family}/index.md)\n: {', '.join(links)}"


def _ordered() -> list[str]:
    """Guides for those who use it, how-to before findings."""
    first = [
        "own-data",
        "asynchronous",
        "topologies",
        "unlike-clients",
        "cluster",
        "flower",
        "proof",
        "ledger",
        "report",
    ]
    others = sorted(file.stem for file in (HOUSE / "docs").glob("*.md") if file.stem not in (*first, "architecture"))
    return [*first, *others]


def _tree(title: str, pages: list[str]) -> str:
    names = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {title}\n:maxdepth: 1\n\n{names}\n```"
