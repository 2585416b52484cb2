"""axe-core finds nothing. It comes from npm, pinned by hash, for tests only: `npm ci` in tests/browser."""

import os
from pathlib import Path

import pytest

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
    told = {
        "kind": "sham_exit", "caught": True, "truth": "sham_exit", "encounter_id": 5, "ratio": 13.0,
        "prior": -11.74, "posterior": 1.26,
        "parts": [{"evidence": "Face", "nats": 13.5}, {"evidence": "Capture", "nats": -0.5}],
    }  # fmt: skip
    for one in results:
        object.__setattr__(one, "alerts", {**one.alerts, "explained": [told, {**told, "caught": False}]})
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
