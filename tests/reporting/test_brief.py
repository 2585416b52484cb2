"""The brief: at most three printed pages, complete, numbered and dated, at the tuned threshold."""

import re
from html import unescape

import pdf_text
import pytest

import biomatch as bm
from biomatch.errors import ResultsError
from biomatch.reporting.assembly import written_on
from biomatch.reporting.brief import SIGNED
from biomatch.reporting.decision.card import Claim
from biomatch.reporting.decision.facts import decision
from biomatch.reporting.findings import findings
from biomatch.reporting.opening import Opening
from biomatch.reporting.report import report

pytestmark = pytest.mark.browser
PAGES = 3
LIGATURES = {"\ufb01": "fi", "\ufb02": "fl", "\ufb00": "ff", "\ufb03": "ffi"}


def printed(path, browser):
    """Print on A4 and give the words of each page."""
    page = browser.new_page()
    page.goto(path.as_uri())
    found = pdf_text.pages(page.pdf(format="A4"))
    page.close()
    for joined, letters in LIGATURES.items():
        found = [one.replace(joined, letters) for one in found]
    return found


def words(text):
    """Give the words of HTML, as a PDF has them: without spaces, which lines break at."""
    return re.sub(r"\s+", "", unescape(re.sub(r"<[^>]+>", "", text)))


def opening(whole):
    last = whole.overstays[-1]
    lists = tuple((name, last) for name in ("Without faces", "Today's practice", "With faces"))
    return Opening((), (), lists, (Claim("FPIR at most 0.01%, as asked", "not shown", "too few searches"),))


def test_a_brief_has_what_a_board_signs_on_three_pages(make, tmp_path, browser):
    whole = make(resubstitution=True)
    path = report(whole, tmp_path / "brief.html", brief=True, opening=opening(whole))
    pages = printed(path, browser)
    assert len(pages) <= PAGES
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert written_on() in page
    said = "".join("".join(pages).split())
    card = decision(whole, opening(whole).lists, opening(whole).claims)
    claims = [text for one in card.claims for text in (one.text, one.verdict)]
    listed = [name for name, *_ in card.lists]
    found = [one for one in findings(whole).values() if one]
    assert len(claims) >= 6
    assert len(found) >= 2
    for text in [card.headline, card.threshold, *claims, *listed, *found, *SIGNED]:
        assert words(text) in said, text
    assert said.count(words("What it shows.")) == said.count(words("How to read it.")) == 4


def test_a_brief_stays_short_whatever_it_is_given(make, tmp_path, browser):
    long = make(name="n" * 10_000, groups=[f"{'g' * 500} {at}" for at in range(40)])
    bare = make(guarantee={}, grid=False)
    for name, whole in {"long": long, "bare": bare}.items():
        assert len(printed(report(whole, tmp_path / f"{name}.html", brief=True), browser)) <= PAGES


def test_a_brief_needs_no_network_and_no_script_for_its_figures(result, tmp_path, look, browser):
    path = report([result], tmp_path / "brief.html", brief=True)
    assert path.stat().st_size < 300_000
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.locator("figure svg").count() == 4
    assert asked == [path.as_uri()]
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_a_brief_does_not_scroll_sideways(result, tmp_path, browser, width):
    path = report([result], tmp_path / "brief.html", brief=True)
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_brief_is_of_one_result(result, tmp_path):
    with pytest.raises(ResultsError, match=r"a brief of 2 results.*write a brief of each"):
        report([result, result], tmp_path / "brief.html", brief=True)
    assert not (tmp_path / "brief.html").exists()


def test_a_brief_of_own_scores(tmp_path, browser):
    curve = bm.verification_curve([0.7 + at / 1000 for at in range(200)], [at / 5000 for at in range(3000)])
    pages = printed(bm.report(curve, tmp_path / "own.html", brief=True), browser)
    assert len(pages) <= PAGES
    assert "Page 1 of" in pages[0]
    assert "How to read it." in "".join(pages)
