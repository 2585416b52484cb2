"""Folds hide nothing for good: every table is reachable, and the page stays short while they are shut."""

import re

import pytest

from biomatch.reporting.assembly import SECTIONS
from biomatch.reporting.content import content
from biomatch.reporting.findings import PLACES, RULES
from biomatch.reporting.report import report

pytestmark = pytest.mark.browser

TABLES = [
    "adversary", "adversary-others", "alert-causes", "alerts", "alerts-by-group", "alerts-front",
    "arithmetic", "backlog", "by-group", "by-mode", "by-port", "calibration", "calibration-bins", "costs",
    "day", "explained-caught", "explained-false", "false-leads", "growth", "growth-back-test",
    "growth-measured", "leads", "leads-by-admission-class", "leads-by-exit-document", "leads-by-group",
    "leads-by-mode", "misses", "overstay-rates", "prices", "provenance", "rates", "review", "review-orders",
    "settings", "thresholds", "waits-assumed", "waits-day", "waits-front", "waits-lanes", "waits-parts",
    "waits-trade",
]  # fmt: skip
"""The page's tables before it had folds: none may be lost."""
LONGEST = 9_000
"""Pixels of the page at 1440 with its folds shut."""


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    return report([result], tmp_path_factory.mktemp("layers") / "report.html")


def test_no_table_was_lost_to_the_folds(path):
    text = path.read_text(encoding="utf-8")
    assert set(TABLES) <= set(re.findall(r'data-table="([a-z0-9-]+)"', text))
    assert set(TABLES) <= set(re.findall(r'data-csv="([a-z0-9-]+)"', text))


def test_the_page_is_short_and_one_button_opens_all(path, look, result):
    seen = look(path, viewport={"width": 1440, "height": 900}, folded=True)
    assert seen.page.evaluate("document.documentElement.scrollHeight") <= LONGEST
    seen.page.click("#unfold")
    made = content(result, "x")
    for name in made.tables:
        if name not in ("by-mode", "by-port"):  # picked one at a time
            assert seen.page.locator(f"[data-table={name}] tbody tr").first.is_visible(), name
    for name in ("by-mode", "by-port", "by-group"):
        seen.page.select_option("#part", name)
        assert seen.page.locator("[data-table^=by-]:visible").evaluate_all(
            "all => all.map(one => one.dataset.table)"
        ) == [name]
    seen.page.click("#unfold")
    assert seen.page.locator("details.fold[open]").count() == 0
    assert seen.said == []


def test_contents_and_findings_lead_to_what_is_there(path, look):
    assert set(PLACES) == set(RULES)
    seen = look(path, viewport={"width": 1440, "height": 900}, folded=True)
    links = seen.page.locator("nav a, #findings a").evaluate_all("all => all.map(one => one.hash.slice(1))")
    assert set(links) == set(SECTIONS) | set(PLACES.values())
    missing = "all => all.filter(name => !document.getElementById(name))"
    assert seen.page.evaluate(missing, links) == []
    # A link into a closed fold opens it.
    seen.page.evaluate("location.hash = 't-by-group'")
    seen.page.wait_for_function("document.getElementById('t-by-group').checkVisibility()")


def test_contents_do_not_push_the_card_off_a_telephone(path, look):
    for width, opened in ((390, False), (1440, True)):
        seen = look(path, viewport={"width": width, "height": 844}, folded=True)
        assert seen.page.evaluate("document.getElementById('contents').open") == opened
