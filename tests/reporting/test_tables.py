"""The table model: HTML, CSV and the page's data say the same."""

import csv
import io
from html.parser import HTMLParser

import pytest

from biomatch.errors import ResultsError
from biomatch.rates import rate
from biomatch.reporting.figures import Ratio
from biomatch.reporting.tables import Along, Table

ROWS = (
    ("air", Along((Ratio.of(rate(1, 10)), Ratio.of(rate(2, 10)))), 7, "as said"),
    ("sea", Along((Ratio.of(rate(0, 0)), Ratio.of(rate(0, 0)))), None, "no"),
)
TABLE = Table("t", "A table", ("Mode", "FNIR", "Stays", "Why"), ROWS, "a note")


def parsed(text):
    return list(csv.reader(io.StringIO(text)))


def test_csv_gives_a_rate_five_columns_and_leaves_what_is_unknown_empty():
    head, air, sea = parsed(TABLE.to_csv(1))
    assert head == [
        "Mode", "FNIR", "FNIR numerator", "FNIR denominator", "FNIR low", "FNIR high", "Stays", "Why"
    ]  # fmt: skip
    assert air == ["air", "0.2", "2", "10", "0.02521", "0.5561", "7", "as said"]
    assert sea == ["sea", "", "0", "0", "0.0", "1.0", "", "no"]


def test_csv_keeps_commas_quotes_and_lines():
    name = 'a,"b"\nc'
    table = Table("t", "c", ("Name", "Value"), ((name, "x"),))
    assert parsed(table.to_csv())[1] == [name, "x"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_csv_gives_a_spreadsheet_no_formula(start):
    table = Table("t", "c", ("Name", "Value"), ((f"{start}1+1", -3),))
    assert parsed(table.to_csv())[1] == [f"'{start}1+1", "-3"]


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ResultsError, match="row of 1 cells"):
        Table("t", "c", ("a", "b"), (("x",),))


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_data(self, text):
        if self.rows:
            self.rows[-1][-1] += text


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def test_html_has_caption_scopes_and_the_figures_of_the_position():
    reader = read(TABLE.to_html(1, "T = 0.5"))
    assert reader.rows[1] == ["air", "20.0% 2 of 10 2.5% to 56%", "7", "as said"]
    assert reader.rows[2] == ["sea", "no trials", "–", "no"]
    scopes = [attrs.get("scope") for tag, attrs in reader.tags if tag == "th"]
    assert scopes == ["col"] * 4 + ["row"] * 2
    assert "caption" in [tag for tag, _ in reader.tags]


def test_html_takes_no_markup_from_names():
    evil = "</table><script>alert(1)</script>\"'&"
    table = Table("t", evil, (evil, evil), ((evil, evil),), evil)
    tags = {tag for tag, _ in read(table.to_html(0, evil)).tags}
    assert tags == {"caption", "span", "thead", "tr", "th", "tbody", "bdi", "td"}
    assert read(table.to_html()).rows[1] == [evil, evil]


def test_the_page_gets_rates_along_the_slider_as_columns():
    cell = TABLE.to_json()["rows"][0][1]
    assert cell == {"n": [1, 2], "d": 10, "lo": [0.002529, 0.02521], "hi": [0.445, 0.5561]}
    assert TABLE.follows
    assert not TABLE.at(0).follows


def test_rates_stand_beside_their_counts_where_there_is_room():
    ratio, along = Ratio(1, 4, 0.0, 0.9), Along((Ratio(1, 4, 0.0, 0.9), Ratio(2, 4, 0.1, 0.9)))
    two = Table("two", "c", ("a", "b", "c"), (("x", ratio, along),))
    three = Table("three", "c", ("a", "b", "c", "d"), (("x", None, along, 1), ("y", ratio, None, ratio)))
    many = Table("many", "c", tuple("abcde"), (("x", *range(4)),))
    assert [one.stacked for one in (two, three, many)] == [False, True, True]
