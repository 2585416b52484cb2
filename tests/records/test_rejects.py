"""Bad rows: named in a refusal, or listed with row, value and reason while the others are judged."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm
import biomatch.cli
from biomatch.errors import TableError

HEAD = "document,date,name,birth_date,class,permitted_until,mode"
GOOD = 'P1,2024-01-01,"ROE, ANNA",1980-02-03,B2,2024-06-30,air'
BAD = {
    "P2,2024-13-01,,,B2,,air": ("date", "no day and time"),
    "P2,01/02/2024,,,B2,,air": ("date", "ISO"),
    "P2,,,,B2,,air": ("date", "needs the day"),
    ",2024-01-01,,,B2,,air": ("document", "nothing to link by"),
    "P2,2024-01-01,,2030-01-01,B2,,air": ("birth_date", "after the crossing"),
    "P2,2024-01-01,,yesterday,B2,,air": ("birth_date", "ISO"),
    "P2,2024-01-01,,,B2,2023-06-30,air": ("permitted_until", "before the entry"),
    "P2,2024-01-01,,,B2,soon,air": ("permitted_until", "no date"),
    "P2,2024-01-01,,,B2,,rocket": ("mode", "none of air"),
    "P2,2024-01-01T25:00,,,B2,,air": ("date", "no day and time"),
    "P2,2024-01-01,B2": ("", "has 3 cells"),
}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("link", "stays"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = biomatch.cli.run(["link", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _write(tmp_path, rows):
    (tmp_path / "entries.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    (tmp_path / "exits.csv").write_text("document,date\nP1,2024-02-01\n")


@pytest.mark.parametrize("row", BAD)
def test_each_fault_is_listed_and_the_rest_is_judged(row, tmp_path):
    _write(tmp_path, [GOOD, row])
    given = tmp_path / "entries.csv", tmp_path / "exits.csv"
    found = bm.link(*given, on="2024-12-31", rejects=tmp_path / "rejects.csv")
    assert found.stays["document"].to_list() == ["P1"]
    assert found.counts["given"] == 3 == found.counts["judged"] + found.counts["rejected"]
    listed = pl.read_csv(tmp_path / "rejects.csv").row(0, named=True)
    column, reason = BAD[row]
    assert (listed["file"], listed["row"], listed["column"] or "") == ("entries.csv", 2, column)
    assert reason in listed["reason"]
    with pytest.raises(TableError, match=f"row 2: .*{reason}"):
        bm.link(*given, on="2024-12-31")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([GOOD.replace("P1", "P{}"), *BAD]), min_size=1, max_size=12))
def test_rows_in_are_rows_judged_and_rows_rejected(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    _write(folder, [GOOD, *(row.format(number + 10) for number, row in enumerate(rows))])
    found = bm.link(folder / "entries.csv", folder / "exits.csv", on="2024-12-31", rejects=True)
    assert found.counts["given"] == len(rows) + 2
    assert found.counts["given"] == found.counts["judged"] + found.counts["rejected"]
    assert found.counts["rejected"] == found.rejects.select("file", "row").n_unique()
    assert len(found.stays) == found.counts["judged"] - 1


def test_the_refusal_names_five_and_counts_the_rest(call, tmp_path):
    _write(tmp_path, [GOOD, *list(BAD)[:8]])
    code, out, err = call("entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "L")
    assert (code, out) == (2, "")
    assert err.count("entries.csv row") == 5
    assert "8 rows cannot be read" in err
    assert "and 3 more faults" in err
    assert "--rejects FILE" in err
    assert not (tmp_path / "L").exists()


def test_repeated_rows_and_bytes_that_are_no_text(tmp_path):
    _write(tmp_path, [GOOD, GOOD])
    with (tmp_path / "entries.csv").open("ab") as file:
        file.write(b"P\xff3,2024-01-01,,,B2,,air\n")
    found = bm.link(tmp_path / "entries.csv", tmp_path / "exits.csv", on="2024-12-31", rejects=True)
    assert found.rejects["reason"].to_list() == ["repeats row 1", "is not UTF-8 text (line 4)"]
    assert found.counts["judged"] == 2


def test_json_contract(call, tmp_path):
    _write(tmp_path, [GOOD, "P2,2024-01-01,,,B2,,air", ",,,,,,"])
    code, out, _ = call(
        "entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "L", "--rejects", "bad.csv", "--json"
    )
    said = json.loads(out)
    assert code == 0
    assert (said["stays"], said["links"], said["leads"], said["rejected"]) == (2, 1, 1, 0)
    assert set(said["expected_false_leads"]) >= {"value", "interval"}
    low, high = said["expected_false_leads"]["interval"]
    assert 0 <= low <= said["expected_false_leads"]["value"] <= high <= 1
    for path in said["paths"].values():
        assert path.startswith(str(tmp_path))
        assert (tmp_path / path).exists()
    assert pl.read_csv(tmp_path / "bad.csv").columns == ["file", "row", "column", "value", "reason"]
    code, out, _ = call("entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "L")
    assert code == 0
    assert "1 lead, about" in out
    assert f"written: {tmp_path}/L/leads.parquet" in out


def test_one_table_with_directions_is_the_same(call, tmp_path):
    entries = pl.DataFrame({"document": ["A", "B"], "date": ["2024-01-01"] * 2, "class": ["WT"] * 2})
    exits = pl.DataFrame({"document": ["A"], "date": ["2024-02-01"]})
    entries.write_parquet(tmp_path / "e.parquet")
    exits.write_parquet(tmp_path / "x.parquet")
    one = pl.concat(
        [entries.with_columns(event=pl.lit("ARRIVAL")), exits.with_columns(event=pl.lit("Departure"))],
        how="diagonal",
    )
    one.write_csv(tmp_path / "records.csv")
    assert call("e.parquet", "x.parquet", "--on", "2024-12-31", "--out", "two", "--as", "csv")[0] == 0
    assert call("records.csv", "--on", "2024-12-31", "--out", "one", "--as", "csv")[0] == 0
    two, one = (pl.read_csv(tmp_path / name / "stays.csv").drop("exit_row") for name in ("two", "one"))
    assert two.equals(one)


def test_labels_are_judged(call, tmp_path):
    _write(tmp_path, [GOOD, "P2,2024-01-01,,,B2,,air"])
    (tmp_path / "truth.csv").write_text("entry_row,exit_row,same,overstay\n1,1,yes,no\n2,,,yes\n")
    code, out, _ = call(
        "entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "L", "--truth", "truth.csv", "--json"
    )
    said = json.loads(out)["truth"]
    assert code == 0
    assert said["precision"]["numerator"] == said["recall"]["numerator"] == 1
    assert said["leads_precision"] == {**said["leads_precision"], "numerator": 1, "denominator": 1}
    (tmp_path / "truth.csv").write_text("entry_row,exit_row,same\n9,1,maybe\n")
    code, _, err = call(
        "entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "M", "--truth", "truth.csv"
    )
    assert (code, "neither yes, no nor unsure" in err) == (2, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"document;date\nP;2024-01-01\n", "separated by semicolons"),
        (b"document,document,date\n", "stands there twice"),
        (b"document,date\n", "no entry up to 2024-12-31"),
        (b"PK\x03\x04", "spreadsheet"),
        (b'document,date\n"P1,2024-01-01\n', "line"),
    ],
)
def test_what_is_no_table(content, said, call, tmp_path):
    _write(tmp_path, [])
    (tmp_path / "entries.csv").write_bytes(content)
    code, _, err = call("entries.csv", "exits.csv", "--on", "2024-12-31", "--out", "L")
    assert code == 2
    assert said in err
    assert call("none.csv", "exits.csv", "--on", "2024-12-31", "--out", "L")[0] == 2
    assert call("a", "b", "c", "--on", "2024-12-31", "--out", "L")[0] == 2


def test_a_waterfall_is_shown(call, tmp_path, border, on, monkeypatch):
    world = border(3, people=250)
    world.entries.write_csv(tmp_path / "entries.csv")
    world.exits.write_csv(tmp_path / "exits.csv")
    assert call("entries.csv", "exits.csv", "--on", str(on), "--out", "L")[0] == 0
    links = pl.read_parquet(tmp_path / "L" / "links.parquet")
    number = links.filter(pl.col("kind") == "exit")["link"][0]
    assert biomatch.cli.run(["waterfall", "L", "--link", str(number)]) == 0
    assert biomatch.cli.run(["waterfall", "L", "--link", "999999"]) == 2
