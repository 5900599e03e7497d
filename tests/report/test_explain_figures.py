"""Maps of rules and pictures of attacks on images."""

import numpy as np
import pytest

from cli.app import main
from fedsim.attacks.contract import attacks
from fedsim.probe.plane import plane
from fedsim.probe.subject import subject
from fedsim.registry import registries
from fedsim.report.plane_figure import draw_plane
from fedsim.report.trigger_figure import NothingToDraw, draw_trigger

DRAWN = {"backdoor_pixel", "backdoor_distributed", "feature_noise"}


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["explain", *arguments])
    return end.value.code


def test_the_mean_goes_where_the_outsiders_are():
    found = plane(subject("mean", 3), 15, 3, side=5)
    np.testing.assert_allclose(found.honest.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.honest.std(axis=0), 1)
    x, y = np.meshgrid(found.places, found.places)
    np.testing.assert_allclose(found.answers, np.stack([x, y], axis=2) * 3 / 15, atol=1e-12)
    np.testing.assert_allclose(found.lengths[0, 0], np.hypot(6, 6) / 5)


def test_far_outsiders_do_not_move_krum_and_move_the_median_a_little():
    krum, median = (plane(subject(rule, 3), 15, 3, side=3) for rule in ("krum", "median"))
    corners = krum.answers[[0, 0, 2, 2], [0, 2, 0, 2]]
    np.testing.assert_array_equal(corners, corners[:1].repeat(4, axis=0))
    assert median.lengths.max() < 1


def test_progress_is_told():
    told = []
    plane(subject("mean", 3), 15, 3, side=3, progress=lambda *what: told.append(what))
    assert told == [("mean at 9 places", done, 3) for done in range(3)]


def test_a_map_is_drawn_where_a_rule_has_no_answer(tmp_path):
    found = plane(subject("mean", 3), 15, 3, side=11)
    found.answers[2, 3] = np.nan
    draw_plane(tmp_path / "map.png", "mean", found, found)
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name", sorted(entry.name for entry in registries()["attacks"] if entry.traits["poisons"] == "data")
)
def test_attacks_that_change_images_are_drawn_and_others_say_that_they_do_not(name, tmp_path):
    path = tmp_path / "trigger.png"
    if name in DRAWN:
        draw_trigger(path, attacks[name])
        assert path.read_bytes().startswith(b"\x89PNG")
    else:
        with pytest.raises(NothingToDraw, match=f"{name} changes no image"):
            draw_trigger(path, attacks[name])


@pytest.mark.parametrize("name", ["trimmed_mean", "nnm", "backdoor_pixel"])
def test_the_command(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plane, "__defaults__", (5, plane.__defaults__[1]))
    assert ended(name, "--figure", str(tmp_path / "figure.png")) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "figure.png written" in shown.err.replace("\n", "")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["krum", "--figure", "nowhere/krum.png"], "there is no folder nowhere"),
        (["sgd", "--figure", "x.png"], "there is nothing to draw of sgd: name a rule"),
        (["alie", "--figure", "x.png"], "there is nothing to draw of alie"),
        (["label_flip", "--figure", "x.png"], "label_flip changes no image"),
        (["fltrust", "--figure", "x.png"], "fltrust asks for trusted"),
        (["krumm", "--figure", "x.png"], "did you mean `krum`"),
    ],
)
def test_wrong_input(capsys, arguments, message):
    assert ended(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", "").split())
