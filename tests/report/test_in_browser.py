"""The pages in a real browser: no error, no request, nothing wider than the screen, and what can be clicked works."""

import shutil

import pytest

from fedsim.report.collect import report_of
from fedsim.report.page import page_of
from fedsim.scenario.load import parse_scenario
from fedsim.study.cells import cells_of
from fedsim.study.perform import sweep
from fedsim.study.plan import read_plan
from fedsim.study.results import study_of
from tests.cli.recorded_run import SMALL
from tests.report.browser import CHROMIUM, REASON, browsing
from tests.small_runs import run_in
from tests.study.small_study import study_in

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=REASON)
WIDTHS = (360, 800, 1600)
LONG = "Does_a_word_that_never_ends_" * 10
WIDER = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 "
WIDER += "&& !e.closest('.scroll, pre, svg, .told')).map(e => e.tagName + '.' + e.className)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    run_in(
        place / "run", parse_scenario(f'question = "{LONG}"\n{SMALL.partition(chr(10))[2]}', ["clients.population=30"])
    )
    run_in(place / "other", parse_scenario(SMALL, ["aggregator={name='krum', f=1}", "name='other'"]))
    plan = read_plan(study_in(place), place / "study")
    list(sweep(place / "small.toml", place / "study"))
    study_of(plan, cells_of(plan)).write()
    (place / "comparison").mkdir()
    line = "{name},{digest},{folder},rule,attack,1,0.5\n"
    found = [
        (each.scenario.name, each.summary["scenario"], each.folder)
        for each in map(load, (place / "run", place / "other"))
    ]
    text = "run,scenario,folder,rule,attack,seed,final\n"
    text += "".join(line.format(name=name, digest=digest, folder=folder) for name, digest, folder in found)
    (place / "comparison" / "summary.csv").write_text(text)
    for kind in ("run", "comparison", "study"):
        (place / f"{kind}.html").write_text(page_of(report_of(place / kind)))
    return place


def load(folder):
    from fedsim.runs.load import load_run

    return load_run(folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with browsing(profile) as found:
        yield found
    shutil.rmtree(profile, ignore_errors=True)


@pytest.mark.parametrize("kind", ["run", "comparison", "study"])
def test_nothing_is_asked_for_nothing_fails_and_nothing_is_too_wide(browser, pages, kind):
    path = pages / f"{kind}.html"
    for width in WIDTHS:
        browser.open(path, width)
        browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert browser.run("document.documentElement.scrollWidth") == width
        assert browser.run(WIDER) == []
        assert browser.complaints == []
        assert browser.requested == [path.as_uri()]


def test_dark_and_light_are_read_alike(browser, pages):
    """The contrast of WCAG 2 between writing and paper, in the page and in its figures, and of every line."""
    script = """(() => {
      const light = (rgb) => rgb.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const read = (css) => light(css.match(/[\\d.]+/g).slice(0, 3).map(Number));
      const paper = read(getComputedStyle(document.body).backgroundColor);
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const against = (css) => ratio(read(css), paper);
      const style = (what, key) => [...document.querySelectorAll(what)].map(e => against(getComputedStyle(e)[key]));
      return { words: Math.min(...style('p, td, th, a, dt, dd, h2, .note', 'color')),
               labels: Math.min(...style('figure svg[role=img] text', 'fill')),
               lines: Math.min(...style('[id*="-line-"] path', 'stroke')) };
    })()"""
    for dark in (False, True):
        browser.open(pages / "run.html", 1000, dark=dark)
        found = browser.run(script)
        assert found["words"] >= 4.5
        assert found["labels"] >= 4.5
        assert found["lines"] >= 2.2  # Okabe and Ito's orange on white


def test_a_table_is_sorted_both_ways_and_says_so(browser, pages):
    browser.open(pages / "study.html", 1000)
    column = "[...document.querySelectorAll('#table-cells tbody tr')].map(row => Number(row.cells[3].dataset.v))"
    click = "document.querySelectorAll('#table-cells th')[3].querySelector('button').click()"
    state = "document.querySelectorAll('#table-cells th')[3].getAttribute('aria-sort')"
    before = browser.run(column)
    browser.run(click)
    assert (browser.run(column), browser.run(state)) == (sorted(before, reverse=True), "descending")
    browser.run(click)
    assert (browser.run(column), browser.run(state)) == (sorted(before), "ascending")
    browser.run("document.querySelectorAll('#table-cells th')[0].querySelector('button').click()")
    names = browser.run("[...document.querySelectorAll('#table-cells tbody tr')].map(row => row.cells[0].textContent)")
    assert names == sorted(names)
    assert browser.run("document.querySelectorAll('#table-cells [aria-sort]').length") == 1


def test_what_has_no_number_stands_last_however_it_is_sorted(browser, pages):
    browser.open(pages / "run.html", 1000)
    heads = browser.run("[...document.querySelectorAll('#table-rounds th')].map(each => each.textContent)")
    at = heads.index("accuracy")
    column = f"[...document.querySelectorAll('#table-rounds tbody tr')].map(row => row.cells[{at}].textContent)"
    for _ in range(2):
        browser.run(f"document.querySelectorAll('#table-rounds th')[{at}].querySelector('button').click()")
        assert browser.run(column)[-3:] == ["–", "–", "–"]


def test_a_long_table_is_filtered(browser, pages):
    browser.open(pages / "run.html", 1000)
    rows = "[...document.querySelectorAll('#table-holders tbody tr')].filter(row => !row.hidden).length"
    write = "(words) => { const box = document.querySelector('#table-holders .filter input'); box.value = words; "
    write += "box.dispatchEvent(new Event('input')) }"
    if not browser.run("!!document.querySelector('#table-holders .filter')"):
        pytest.fail("a table of this many rows is to have a filter")
    everyone = browser.run(rows)
    browser.run(f"({write})('YES')")
    assert 0 < browser.run(rows) < everyone
    browser.run(f"({write})('')")
    assert browser.run(rows) == everyone


def test_a_line_is_switched_off_and_on(browser, pages):
    browser.open(pages / "study.html", 1000)
    shown = "getComputedStyle(document.getElementById('curve-1-line-0')).display"
    band = "getComputedStyle(document.getElementById('curve-1-band-0')).display"
    box = "document.querySelector('#figure-curve-1 .legend input').click()"
    browser.run(box)
    assert (browser.run(shown), browser.run(band)) == ("none", "none")
    browser.run(box)
    assert "none" not in (browser.run(shown), browser.run(band))


def test_the_numbers_under_the_pointer_are_told(browser, pages):
    browser.open(pages / "run.html", 1000)
    browser.run("document.getElementById('figure-accuracy').scrollIntoView({behavior: 'instant'})")
    points = "JSON.parse(document.querySelector('#figure-accuracy svg[data-points]').dataset.points)"
    place = "document.querySelector('#figure-accuracy svg[data-points]').getBoundingClientRect()"
    left, top, width = (browser.run(f"{place}.{side}") for side in ("left", "top", "width"))
    scale = width / browser.run("document.querySelector('#figure-accuracy svg[data-points]').viewBox.baseVal.width")
    last = browser.run(f"{points}.at.length") - 1
    browser.move(left + browser.run(f"{points}.at[{last}]") * scale, top + 40)
    told = browser.run("document.querySelector('#figure-accuracy .told').innerText").splitlines()
    assert told[0] == "round 6"
    assert told[1].startswith("test accuracy: 0.")
    accuracy = browser.run("[...document.querySelectorAll('#table-accuracy tbody tr')].at(-1).cells[1].textContent")
    assert f"{float(told[1].split(': ')[1]):.3f}" == accuracy
    browser.move(1, 1)
    assert browser.run("document.querySelector('#figure-accuracy .told').hidden")


def test_what_is_told_stays_on_a_phones_screen(browser, pages):
    browser.open(pages / "study.html", 360)
    browser.run("document.getElementById('figure-curve-1').scrollIntoView({behavior: 'instant'})")
    place = "document.querySelector('#figure-curve-1 svg[data-points]').getBoundingClientRect()"
    left, top, width = (browser.run(f"{place}.{side}") for side in ("left", "top", "width"))
    for part in (0.25, 0.45, 0.55, 0.9):
        browser.move(left + part * width, top + 40)
        box = "document.querySelector('#figure-curve-1 .told').getBoundingClientRect()"
        assert browser.run(f"{box}.width") > 0
        assert browser.run(f"{box}.left") >= 0
        assert browser.run(f"{box}.right") <= 360
    assert browser.run("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("<script>throw new Error('no')</script>", "complaints"),
        ("<script>console.error('no')</script>", "complaints"),
        ('<img src="https://example.org/a.png" alt="">', "complaints"),
        ('<div style="width: 4000px">wide</div>', "wide"),
    ],
)
def test_what_would_be_wrong_is_seen(browser, pages, tmp_path, harm, told):
    """These tests find what they look for."""
    path = tmp_path / "harmed.html"
    path.write_text((pages / "run.html").read_text().replace("</body>", f"{harm}</body>"))
    browser.open(path, 360)
    found = {"complaints": browser.complaints, "wide": browser.run(WIDER)}
    assert found[told]


def test_paper_has_no_buttons_and_opens_the_scenario(browser, pages, tmp_path):
    browser.open(pages / "run.html", 800, printed=True)
    seen = "[...document.querySelectorAll('nav, .control, .behind')].filter(e => e.getClientRects().length).length"
    assert browser.run(seen) == 0
    assert browser.run("document.documentElement.scrollWidth") == 800
    browser.paper(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.run("[...document.querySelectorAll('details.listing')].every(each => each.open)")
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert not browser.run("[...document.querySelectorAll('details.listing')].some(each => each.open)")
