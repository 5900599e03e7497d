"""Commands about a run that is there: does it repeat, what another rule would have done, another course, a proof."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import (
    AsEvents,
    AsJson,
    Debug,
    KeptCode,
    NoPlugins,
    OtherCode,
    Out,
    Plugins,
    Quiet,
    Run,
    RunOrArchive,
    RunOrStudy,
    Set,
    Subject,
    Workers,
    mode_of,
    read_workers,
)

AllowedSigners = Annotated[
    Path | None,
    typer.Option(
        "--allowed-signers", metavar="FILE", help="One of these has to have signed an archive (see ssh-keygen)."
    ),
]


def verify(
    proof: RunOrArchive,
    rounds: Annotated[str | None, typer.Option("--rounds", metavar="A-B", help="Only these rounds.")] = None,
    spot: Annotated[
        int | None, typer.Option("--spot", min=1, metavar="N", help="Only N rounds, drawn at random.")
    ] = None,
    spot_seed: Annotated[
        int | None, typer.Option("--spot-seed", "--seed", min=0, help="Draw the same rounds as another spot check.")
    ] = None,
    allowed_signers: AllowedSigners = None,
    workers: Workers = None,
    kept_code: KeptCode = False,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Run a results folder's or an archive's scenario again and compare all that it holds."""
    from cli.commands.verify import Asked, verified

    asked = Asked(rounds, spot, spot_seed, read_workers(workers), kept_code, allowed_signers, as_json)
    if not verified(proof, asked):
        raise typer.Exit(1)


def pack(
    folder: RunOrStudy,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The archive; NAME.zip here.")] = None,
    key: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign it with this key of ssh (ssh-keygen).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the archive if it exists.")] = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Make one archive of a run or a study that anybody can check."""
    from cli.commands.pack import packed

    packed(folder, out, key, force, as_json)


def leaderboard(
    folder: Annotated[Path, typer.Argument(help="A folder of archives of fedsim pack.", show_default=False)],
    spot: Annotated[
        int, typer.Option("--spot", min=1, metavar="N", help="Rounds of each archive that are played again.")
    ] = 5,
    score: Annotated[str, typer.Option("--score", help="What is ranked: final, selected, or a metric.")] = "final",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The page; leaderboard.html in the folder.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="The page's title.")] = "Leaderboard",
    allowed_signers: AllowedSigners = None,
    workers: Workers = None,
    kept_code: KeptCode = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Check a folder of archives and rank what repeats, as one page; what cannot be verified is refused."""
    from cli.commands.leaderboard import Asked, ranked

    asked = Asked(spot, score, out, title, read_workers(workers), kept_code, allowed_signers, as_json)
    if not ranked(folder, asked):
        raise typer.Exit(1)


def break_(
    scenario: Subject,
    axis: Annotated[
        str | None,
        typer.Option("--axis", help="byzantine (usual), strength, heterogeneity, or a key as partition.alpha."),
    ] = None,
    bar: Annotated[
        str, typer.Option("--bar", metavar="KEY<NUMBER", help="When it counts as broken, e.g. 'accuracy<0.5'.")
    ] = "accuracy<0.5",
    attack: Annotated[
        list[str] | None, typer.Option("--attack", help="In the place of the scenario's; may be given several times.")
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=10_000, help="How many seeds, from 1; of --search: of the worst.")
    ] = 3,
    low: Annotated[float | None, typer.Option("--from", help="The mildest value, where another is wanted.")] = None,
    high: Annotated[float | None, typer.Option("--to", help="The most severe value, likewise.")] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Instead: search the worst attack, its settings, its rounds, two in a row.")
    ] = False,
    rounds: Annotated[
        int | None, typer.Option("--rounds", metavar="BUDGET", min=1, help="Of --search: rounds it may play in all.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="Of --search: local (usual), or tpe with the extra `search`.")
    ] = None,
    overrides: Set = None,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder of its runs.")] = None,
    _plugins: Plugins = None,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Find the least number of attackers, strength or heterogeneity at which a defence breaks, or the worst attack."""
    _one_question({"--axis": axis, "--from": low, "--to": high}, {"--rounds": rounds, "--sampler": sampler}, search)
    if search:
        from cli.commands import attack_search

        wanted = attack_search.Asked(
            bar, rounds or 0, attack or (), sampler or "local", seeds, overrides or (), read_workers(workers), out,
            as_json,
        )  # fmt: skip
        raise typer.Exit(attack_search.searched(scenario, wanted))
    from cli.commands.breakdown import Asked, broken

    asked = Asked(
        axis or "byzantine", bar, attack or (), seeds, (low, high), overrides or (), read_workers(workers), out, as_json
    )  # fmt: skip
    raise typer.Exit(broken(scenario, asked))


def _one_question(of_axis: dict[str, object], of_search: dict[str, object], search: bool) -> None:
    """Options of the one kind of question do not stand with the other; a search needs its budget."""
    for name, value in (of_axis if search else of_search).items():
        if value is not None:
            words = "does not go with --search, which has no axis" if search else "goes with --search only"
            raise typer.BadParameter(words, param_hint=name)
    if search and of_search["--rounds"] is None:
        raise typer.BadParameter("say how many rounds it may play: --rounds 1000", param_hint="--search")


def replay(
    folder: Run,
    round: Annotated[int, typer.Option("--round", min=1, help="The recorded round.")],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="RULE", help="E.g. nnm+trimmed_mean or 'krum(f=3)'; may be given several times."
        ),
    ] = None,
    rules: Annotated[
        str | None, typer.Option("--rules", metavar="all", help="all: every rule there is, each alone.")
    ] = None,
    workers: Workers = None,
    _plugins: Plugins = None,
    kept_code: KeptCode = False,
    _no_plugins: NoPlugins = False,
    as_json: AsJson = False,
    _debug: Debug = False,
) -> None:
    """Say what other rules would have made of the rows of a recorded round."""
    from cli.commands.replay import replayed

    replayed(folder, round, rule or (), rules, read_workers(workers), as_json, kept_code)


def fork(
    folder: Run,
    at: Annotated[int, typer.Option("--at", help="The last round that stays as it was.")],
    overrides: Set = None,
    workers: Workers = None,
    out: Out = None,
    plugins: Plugins = None,
    kept_code: KeptCode = False,
    other_code: OtherCode = False,
    _no_plugins: NoPlugins = False,
    quiet: Quiet = False,
    as_json: AsEvents = False,
    _debug: Debug = False,
) -> None:
    """Play a run from a round on with something changed, the rounds before as they were."""
    from cli.commands.fork import forked

    changes = [*(overrides or ()), *([f"execution.workers={workers}"] if read_workers(workers) else [])]
    codes = {"plugins": plugins or (), "kept_code": kept_code, "other_code": other_code}
    raise typer.Exit(forked(folder, at, changes, out, mode_of(quiet, as_json), codes))
