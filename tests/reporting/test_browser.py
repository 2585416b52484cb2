"""The page in Chromium: every figure at every position, nothing said, nothing asked, names stay text."""

import csv
import io
import random
import re
from dataclasses import replace

import pytest
from judged_alerts import NO_ALERTS

from biomatch.reporting.content import content, labels_of
from biomatch.reporting.figures import Ratio, threshold
from biomatch.reporting.report import report
from biomatch.reporting.tables import Along, text_of

pytestmark = pytest.mark.browser

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "\"'><img src=x onerror=\"document.title='owned'\">",
    "\u202eright-to-left \u05e9\u05dc\u05d5\u05dd",
    "${alert(1)} {{data}} <!--",
    "n" * 10_000,
)
BARS = (
    "wanted => (wanted => JSON.stringify([...document.querySelectorAll("
    "'#chart-causes .mark-text.role-mark text')].map(one => one.textContent)) === JSON.stringify(wanted))"
)
UNLABELLED = """() => {
  // Figures in the running text: each stands in a table or bar that is compared, below a heading or in a part
  // that names its threshold, or in a picture, a control or words that hold at every threshold.
  const covered = "[data-table], .bar, figure, [data-stands], .pick, nav, #findings, #decision, "
    + "#definitions, #limits, .fold > summary";
  const walk = document.createTreeWalker(document.getElementById("main"), NodeFilter.SHOW_TEXT);
  const found = [];
  while (walk.nextNode()) {
    const text = walk.currentNode, place = text.parentElement;
    if (/[0-9]/.test(text.data) && place.checkVisibility() && !place.closest(covered)) found.push(text.data);
  }
  for (const block of document.querySelectorAll("[data-table]")) {
    const free = ["comparison", "prices", "provenance", "settings", "waits-assumed"];
    if (block.hidden || free.includes(block.dataset.table)) continue;
    const own = block.querySelector("thead th").textContent === "Threshold T";
    const said = block.querySelector("caption .at");
    if (!own && !(said && /^(T = |At the tuned thresholds)/.test(said.textContent))) {
      found.push(block.dataset.table);
    }
  }
  return found;
}"""
MOVED = "resubstitution: picked on the grading world"


def shown(cell):
    """Write a cell as its text stands in the page."""
    if isinstance(cell, Ratio):
        return " ".join(part for part in cell.parts() if part)
    return text_of(cell)


def rows_of(page, name):
    return page.evaluate(
        "name => [...document.querySelectorAll(`[data-table=${name}] tbody tr`)]"
        ".map(row => [...row.cells].map(cell => cell.textContent))",
        name,
    )


def move(page, position):
    """Move the slider as a keyboard or mouse would: input, then change."""
    page.evaluate(
        "at => { const s = document.getElementById('slider'); s.value = at;"
        "for (const kind of ['input', 'change']) s.dispatchEvent(new Event(kind, {bubbles: true})); }",
        position,
    )


def expected(made, name, position):
    return [[shown(cell) for cell in row] for row in made.tables[name].at(position).rows]


@pytest.fixture(scope="module")
def made(result):
    return content(result, labels_of([result])[0])


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    return report([result], tmp_path_factory.mktemp("page") / "report.html")


def check_quiet(seen, path):
    assert seen.said == []
    assert {address for address in seen.asked if not address.startswith(("data:", "blob:"))} == {
        path.resolve().as_uri()
    }


def test_every_figure_follows_the_slider(result, made, path, look):
    """At random stops, and at the ends: what stands in the page is the table at that stop."""
    seen = look(path)
    grid, last = result.grid.sort("threshold"), len(made.slider.thresholds) - 1
    counted = dict(zip(grid["threshold"], grid["false_leads"], strict=True))
    for at in [0, last, made.slider.tuned, *random.Random(5).sample(range(last), 5)]:
        one = made.slider.thresholds[at]
        move(seen.page, at)
        for name in made.tables:
            assert rows_of(seen.page, name) == expected(made, name, at), (name, at)
        # Straight from the judge, past everything that the report computes itself:
        assert seen.page.inner_text("#threshold") == threshold(one)
        fnir = Ratio.of(result.curve.fnir(one, rank=result.list_length))
        fpir = Ratio.of(result.curve.fpir(one))
        assert seen.page.text_content("#fnir") == shown(fnir)
        assert seen.page.text_content("#fpir") == shown(fpir)
        near = made.slider.thresholds[made.slider.linked[at]]
        assert rows_of(seen.page, "leads")[3][1] == f"{counted[near]:,}"
        assert f"T = {threshold(near)} (" in seen.page.text_content("[data-table=leads] caption")
        stacked = seen.page.locator("[data-table] table.stacked").evaluate_all(
            "all => all.map(one => one.closest('[data-table]').dataset.table)"
        )
        assert set(stacked) == {name for name, table in made.tables.items() if table.stacked}
        tuned = at == made.slider.tuned
        assert seen.page.inner_text("#label") == ("tuned threshold" if tuned else MOVED)
        heads = seen.page.text_content("[data-table=by-group] caption")
        assert f"T = {threshold(one)} ({'tuned' if tuned else MOVED}), N = " in heads
        assert seen.page.evaluate(UNLABELLED) == []
    check_quiet(seen, path)


def test_the_page_without_scripts_says_the_tuned_threshold(made, path, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.resolve().as_uri())
    for name, table in made.tables.items():
        wanted = [[shown(cell) for cell in row] for row in table.at(made.slider.tuned).rows]
        found = [
            row.locator("th, td").all_text_contents()
            for row in page.locator(f"[data-table={name}] tbody tr").all()
        ]
        assert found == wanted
        assert page.locator(f"[data-table={name}] table.stacked").count() == table.stacked
    assert not page.locator("#slider").is_visible()
    context.close()


def test_charts_follow_too(path, look, made):
    seen = look(path)

    for at in (0, made.slider.tuned, len(made.slider.thresholds) - 1):
        move(seen.page, at)
        wanted = [f"{row[1].numerator:,}" for row in made.tables["misses"].at(at).rows]
        seen.page.wait_for_function(BARS + "(wanted)", arg=wanted)  # drawn a moment after the tables
    charts = seen.page.locator("figure:visible .canvas svg")
    assert charts.count() == 9
    for name in charts.all():
        assert name.locator("[aria-label]").count() > 0
    check_quiet(seen, path)


def test_keyboard_moves_the_slider_and_the_button_takes_it_back(path, look, made):
    seen = look(path)
    tuned = made.slider.tuned
    slider, reset = seen.page.locator("#slider"), seen.page.locator("#reset")
    assert reset.is_disabled()
    slider.focus()
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.inner_text("#threshold") == threshold(made.slider.thresholds[tuned + 1])
    assert MOVED in slider.get_attribute("aria-valuetext")
    assert MOVED in seen.page.text_content("#live")
    seen.page.keyboard.press("Home")
    assert seen.page.inner_text("#threshold") == threshold(made.slider.thresholds[0])
    for _ in range(3):  # the entry of a number, the jump to a target, the button
        seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    assert seen.page.inner_text("#threshold") == threshold(made.slider.thresholds[tuned])
    assert seen.page.inner_text("#label") == "tuned threshold"
    assert reset.is_disabled()
    assert "tuned" in seen.page.text_content("#live")


def test_the_first_stop_is_the_skip_link(path, look):
    seen = look(path)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "main"


def test_every_table_downloads_as_the_csv_that_python_writes(path, look, made):
    seen = look(path)
    position = made.slider.tuned + 1
    move(seen.page, position)
    for name, table in made.tables.items():
        seen.page.wait_for_timeout(
            150
        )  # Chromium drops the eleventh download of a second, as no hand could ask
        if name in ("by-group", "by-mode", "by-port"):
            seen.page.select_option("#part", name)
        with seen.page.expect_download() as waiting:
            seen.page.click(f"[data-csv={name}]")
        text = waiting.value.path().read_bytes().decode("utf-8")
        found = list(csv.reader(io.StringIO(text, newline="")))
        wanted = list(csv.reader(io.StringIO(table.to_csv(position), newline="")))
        assert [list(map(plain, row)) for row in found] == [list(map(plain, row)) for row in wanted], name
        stands = table.linked[position] if table.linked else position
        suffix = f"-at-{threshold(made.slider.thresholds[stands])}" if table.follows else ""
        assert waiting.value.suggested_filename == f"{name}{suffix}.csv"
    check_quiet(seen, path)


def plain(text):
    """Read numbers as numbers: Python and JavaScript write small ones differently (1e-05, 0.00001)."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) else text


def test_hostile_names_stay_text(make, tmp_path, look):
    found = make(
        name=HOSTILE[0], groups=HOSTILE, about={"machine": HOSTILE[1] + HOSTILE[4], "command": HOSTILE[3]}
    )
    path = report([found], tmp_path / "hostile.html")
    seen = look(path)
    made = content(found, "x")
    assert rows_of(seen.page, "by-group") == expected(made, "by-group", made.slider.tuned)
    move(seen.page, 0)
    assert rows_of(seen.page, "by-group") == expected(made, "by-group", 0)
    assert rows_of(seen.page, "provenance") == expected(made, "provenance", 0)
    machine = dict(rows_of(seen.page, "provenance"))["machine"]
    assert machine == HOSTILE[1] + HOSTILE[4]
    assert "owned" not in seen.page.title()
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("script").count() == 3
    width = seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    check_quiet(seen, path)


def test_results_side_by_side(make, tmp_path, look):
    results = [make(), make(3, name=HOSTILE[1]), make(4, name="third", resubstitution=True, grid=False)]
    path = report(results, tmp_path / "several.html")
    seen = look(path)
    labels = labels_of(results)
    assert seen.page.locator("#result option").all_text_contents() == labels
    assert [row[0] for row in rows_of(seen.page, "comparison")] == labels
    move(seen.page, 7)
    for at in (1, 2, 0):
        seen.page.select_option("#result", str(at))
        made = content(results[at], labels[at])
        position = made.slider.tuned if at else 7  # each result keeps its own place
        for name in made.tables:
            assert rows_of(seen.page, name) == expected(made, name, position), (at, name)
        assert seen.page.locator("#slider").is_disabled() == (at == 2)
        assert seen.page.locator(".banner").is_visible() == (at == 2)
        assert seen.page.locator(".headline:visible").all_text_contents() == [made.decision.headline]
    check_quiet(seen, path)


def test_a_result_without_stays_alerts_or_non_mated_searches_says_so(make, tmp_path, look):
    whole = make()
    found = replace(
        whole,
        stays=whole.stays.clear(),
        alerts=NO_ALERTS,
        trials=whole.trials.filter("mated"),
        grid=whole.grid.clear(),
    )
    path = report([found], tmp_path / "bare.html")
    seen = look(path)
    assert seen.page.text_content("#fpir") == "no trials"
    assert seen.page.locator("#overstays .absent").is_visible()
    assert seen.page.locator("#fraud .absent").is_visible()
    assert not seen.page.locator("#day .absent").is_visible()
    check_quiet(seen, path)


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1280, 800)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_makes_the_page_itself_scroll_sideways(path, look, width, height, scheme):
    seen = look(path, viewport={"width": width, "height": height}, color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_print_is_black_on_white_without_the_slider(path, look):
    seen = look(path, color_scheme="dark")
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert not seen.page.locator("#slider").is_visible()
    assert not seen.page.locator("nav").is_visible()
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert seen.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert seen.page.pdf()[:5] == b"%PDF-"


def test_paper_stands_at_the_tuned_threshold_wherever_the_slider_is(path, look, made):
    seen = look(path)
    move(seen.page, 0)
    seen.page.evaluate(
        "addEventListener('beforeprint', () => { window.printed = "
        "document.getElementById('threshold').textContent + '|' + "
        "document.querySelector('[data-table=rates] .at').textContent; })"
    )
    seen.page.pdf()
    tuned = threshold(made.slider.thresholds[made.slider.tuned])
    assert seen.page.evaluate("window.printed").startswith(f"{tuned}|T = {tuned} (tuned)")
    assert seen.page.inner_text("#threshold") == threshold(
        made.slider.thresholds[0]
    )  # the screen keeps its place


def test_the_page_jumps_to_a_target_and_to_a_number(path, look, made):
    seen = look(path)
    fpir = made.tables["rates"].rows[1][1].values
    for option in seen.page.locator("#target option").all()[1:]:
        label, value = option.text_content(), option.get_attribute("value")
        seen.page.select_option("#target", value)
        at = int(value)
        assert seen.page.inner_text("#threshold") == threshold(made.slider.thresholds[at])
        target = float(label.partition("%")[0]) / 100
        assert fpir[at].value <= target < fpir[at - 1].value
    seen.page.fill("#entry", "0.5004")
    seen.page.keyboard.press("Enter")
    nearest = min(made.slider.thresholds, key=lambda one: abs(one - 0.5004))
    assert seen.page.inner_text("#threshold") == threshold(nearest)


def test_reduced_motion_is_respected(path, look):
    for wanted, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        seen = look(path, reduced_motion=wanted)
        found = seen.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
        assert found == behaviour


def test_fifty_results_open_and_answer(fifty, tmp_path, look):
    results, path = fifty
    seen = look(path)
    assert len(rows_of(seen.page, "comparison")) == 50
    seen.page.select_option("#result", "49")
    made = content(results[49], labels_of(results)[49], several=True)
    assert rows_of(seen.page, "by-group") == expected(made, "by-group", made.slider.tuned)
    assert not any(isinstance(cell, Along) for row in made.tables["by-group"].rows for cell in row)
    assert "does not follow the slider" in seen.page.text_content("[data-table=by-group] caption")
    check_quiet(seen, path)
