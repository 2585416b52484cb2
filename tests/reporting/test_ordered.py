"""Tables are ordered by a click or a key, and say so."""

import pytest

from biomatch.reporting.report import report

pytestmark = pytest.mark.browser
VALUES = """name => [...document.querySelectorAll(`[data-table=${name}] tbody tr`)].map(row =>
  [row.cells[0].textContent, row.cells[1].textContent])"""
SORTED = "name => [...document.querySelectorAll(`[data-table=${name}] thead th`)].map(one => one.ariaSort)"


def test_a_table_is_ordered_by_click_and_by_key_and_back(result, tmp_path, look):
    seen = look(report([result], tmp_path / "report.html"), viewport={"width": 1440, "height": 900})
    page = seen.page
    first = page.evaluate(VALUES, "by-group")
    head = page.locator("[data-table=by-group] thead th:nth-child(2) .sort")

    def rates():
        return [float(one[1].partition("%")[0]) for one in page.evaluate(VALUES, "by-group")]

    assert page.evaluate(SORTED, "by-group") == ["none"] * 4
    head.click()
    assert page.evaluate(SORTED, "by-group")[1] == "ascending"
    assert rates() == sorted(rates())
    assert len(set(rates())) > 1
    page.keyboard.press("Enter")  # the focus stays on the head
    assert page.evaluate(SORTED, "by-group")[1] == "descending"
    assert rates() == sorted(rates(), reverse=True)
    # The order stays while the slider moves, by the values that then stand there.
    page.focus("#slider")
    page.keyboard.press("End")
    assert rates() == sorted(rates(), reverse=True)
    page.click("#reset")
    head.press("Space")
    assert page.evaluate(VALUES, "by-group") == first
    assert seen.said == []


def test_every_table_of_several_rows_can_be_ordered(result, tmp_path, look):
    seen = look(report([result], tmp_path / "report.html"))
    lacking = seen.page.evaluate(
        "[...document.querySelectorAll('[data-table]')].filter(one => one.querySelector('tbody tr + tr')"
        " && !one.querySelector('thead .sort')).map(one => one.dataset.table)"
    )
    assert lacking == []
