"""What nobody can read was not shown: nothing cut off, nothing on top of each other, room for a finger."""

from dataclasses import replace

import polars as pl
import pytest
from judged_alerts import NO_ALERTS, with_alerts

from biomatch.evaluation.alerts.alert_result import Evidence, ExplainedAlert
from biomatch.reporting.report import report

pytestmark = pytest.mark.browser

CUT = """() => [...document.querySelectorAll('figure .canvas svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(one => one.textContent.trim()).map(one => {
    const box = one.getBoundingClientRect();
    const out = Math.max(frame.left - box.left, box.right - frame.right, frame.top - box.top,
                         box.bottom - frame.bottom);
    return [svg.parentElement.id, one.textContent, Math.round(out)];
  }).filter(found => found[2] > 1);
})"""
"""Texts that reach out of their chart: its id, the text, by how many pixels."""
OVER = """() => [...document.querySelectorAll('figure .canvas svg')].flatMap(svg =>
  [...svg.querySelectorAll('.role-axis-label, .role-legend')].flatMap(group => {
    const texts = [...group.querySelectorAll('text')].filter(one =>
      one.textContent.trim() && getComputedStyle(one).opacity > 0);
    const boxes = texts.map(one => one.getBoundingClientRect());
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1
      && b.top < a.bottom - 1;
    return boxes.flatMap((box, at) => boxes.slice(at + 1).flatMap((other, next) =>
      meet(box, other)
        ? [[svg.parentElement.id, texts[at].textContent, texts[at + 1 + next].textContent]] : []));
  }))"""
"""Pairs of labels of one axis or legend that stand on each other."""
SMALL = """() => [...document.querySelectorAll('button, summary, select, nav a, input')].map(one => {
  const box = one.getBoundingClientRect();
  return [one.textContent || one.id, box.width, box.height];
}).filter(found => found[1] && found[2] < 44)"""
"""What a finger is to hit and is lower than 44 pixels."""
INK = """name => [...new Set([...document.querySelectorAll(`${name} svg path[stroke]`)]
  .filter(one => one.getAttribute('stroke') === '#0072B2').map(one => getComputedStyle(one).stroke))]"""

BARE = """() => [...document.querySelectorAll('h3')].filter(one => one.checkVisibility()).filter(head => {
  let next = head.nextElementSibling;
  while (next && !/H[23]/.test(next.tagName)) {
    if (next.tagName !== 'P' && next.checkVisibility()) return false;
    next = next.nextElementSibling;
  }
  return true;
}).map(one => one.textContent)"""
"""Headings without a table or picture below them."""


@pytest.fixture(scope="module")
def path(make, tmp_path_factory):
    evidence = (Evidence("Face against the holder's other documents", 13.5), Evidence("Capture", -0.5))
    told = ExplainedAlert("sham_exit", True, "sham_exit", 5, 13.0, 8.0, -11.74, evidence, 1.26)
    found = make()
    kinds = dict(found.alerts.counts.kinds)
    kinds["document_photo_conflict"] = replace(kinds["sham_exit"], kind="document_photo_conflict")
    counts = replace(found.alerts.counts, kinds=kinds)
    found = with_alerts(found, counts=counts, explained=(told, replace(told, caught=False)))
    return report([found], tmp_path_factory.mktemp("looks") / "report.html")


@pytest.mark.parametrize("width", [360, 768, 1366])
def test_no_label_is_cut_off_or_covered(path, look, width):
    seen = look(path, viewport={"width": width, "height": 900})
    assert seen.page.locator("figure:visible .canvas svg").count() == 11
    assert seen.page.evaluate(CUT) == []
    assert seen.page.evaluate(OVER) == []


def test_a_finger_finds_what_it_is_to_hit(path, look):
    seen = look(path, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert seen.page.evaluate(SMALL) == []


def test_charts_are_brighter_on_a_dark_ground_and_not_on_paper(path, look):
    seen = look(path, color_scheme="light")
    blue, sky = "rgb(0, 114, 178)", "rgb(86, 180, 233)"  # of the palette of Okabe and Ito (2008)
    assert seen.page.evaluate(INK, "#chart-det") == [blue]
    seen.page.emulate_media(color_scheme="dark")
    assert seen.page.evaluate(INK, "#chart-det") == [sky]
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert seen.page.evaluate(INK, "#chart-det") == [blue]


def test_a_table_that_goes_on_says_so(path, look):
    seen = look(path, viewport={"width": 360, "height": 740})
    wide, narrow = seen.page.locator(".scroll[tabindex]"), seen.page.locator(".scroll:not([tabindex])")
    shade = "one => getComputedStyle(one).backgroundImage"
    assert "gradient" in wide.first.evaluate(shade)
    assert narrow.first.evaluate(shade) == "none"
    overlong = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert wide.evaluate_all(overlong) == wide.count() > 0
    assert narrow.evaluate_all(overlong) == 0


def test_paper_keeps_a_table_with_its_caption(path, look):
    seen = look(path)
    seen.page.emulate_media(media="print")
    rule = "one => getComputedStyle(one).breakInside"
    assert seen.page.locator("[data-table=rates]").evaluate(rule) == "avoid"
    assert seen.page.locator("[data-table=settings]").evaluate(rule) != "avoid"  # would leave pages empty
    assert set(seen.page.locator("figure").evaluate_all(f"all => all.map({rule})")) == {"avoid"}
    sideways = "document.documentElement.scrollWidth - innerWidth"
    seen.page.set_viewport_size({"width": 680, "height": 1000})  # A4 within its margins
    assert seen.page.evaluate(sideways) <= 0


def test_no_heading_stands_over_nothing(make, tmp_path, look, path):
    seen = look(path)
    assert seen.page.evaluate(BARE) == []
    assert seen.page.locator("h2:visible").count() >= 18
    whole = make(guarantee={})
    for name, changes in {
        "no leads": {"stays": whole.stays.with_columns(listed=False, status=pl.lit("compliant"))},
        "no stays": {"stays": whole.stays.clear(), "alerts": NO_ALERTS},
        "no strangers": {"trials": whole.trials.filter("mated"), "grid": whole.grid.clear()},
    }.items():
        seen = look(report([replace(whole, **changes)], tmp_path / f"{name}.html"))
        assert seen.page.evaluate(BARE) == [], name
