"""axe-core finds nothing. It comes from npm, pinned by hash, for tests only: `npm ci` in tests/browser."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from judged_alerts import with_alerts

from biomatch.evaluation.alerts.alert_result import Evidence, ExplainedAlert
from biomatch.reporting.report import report

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def axe():
    bundled = ROOT / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
    place = Path(os.environ.get("BIOMATCH_AXE", bundled))
    if not place.is_file():
        told = "axe-core is not here (npm ci in tests/browser): accessibility was NOT checked"
        if os.environ.get("BIOMATCH_REQUIRE_BROWSER") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return place.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(axe, make, tmp_path, look, scheme, width):
    results = [make(), make(3, name="other", resubstitution=True)]
    evidence = (Evidence("Face", 13.5), Evidence("Capture", -0.5))
    told = ExplainedAlert("sham_exit", True, "sham_exit", 5, 13.0, 8.0, -11.74, evidence, 1.26)
    results = [with_alerts(one, explained=(told, replace(told, caught=False))) for one in results]
    path = report(results, tmp_path / "report.html")
    seen = look(path, color_scheme=scheme, viewport={"width": width, "height": 900})
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    seen.page.select_option("#result", "1")
    seen.page.focus("#slider")
    seen.page.keyboard.press("ArrowRight")
    seen.page.evaluate(axe)
    found = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = [
        (one["impact"], one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
        for one in found["violations"]
    ]
    assert faults == []


def test_axe_finds_nothing_in_a_brief(axe, result, tmp_path, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(report(result, tmp_path / "brief.html", brief=True).as_uri())
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]] == []
    page.close()
