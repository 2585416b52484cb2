"""Tables of a port as people have them: our own columns, an agency's, and what is wrong with them."""

from datetime import date, datetime

import polars as pl
import pytest

from biomatch.errors import TableError
from biomatch.tables.ports import read_flights, read_hours, read_roster, sample_hours

HEAD_2014 = (
    "Airport,Terminal,Date,Hour,Average,Max,p015,p1630,p3145,p4660,p6190,p91120,p121Plus,"
    "Excluded,Total,Flights,Booths"
)
YEAR_2014 = f"""{HEAD_2014}
BOS,Terminal E,1/1/2014,0800 - 0900,30,52,30,32,43,24,0,0,0,4,133,1,5
BOS,Terminal E,1/1/2014,2300 - 0000,29,59,46,36,35,33,0,0,0,4,154,1,4
"""
HEAD_2018 = (
    "airport,terminal,date,hour,us_avg_wait,us_max_wait,non_us_avg_wait,non_us_max_wait,all_avg_wait,"
    "all_max_wait,all_n_0..15,all_n_16..30,all_n_31..45,all_n_46..60,all_n_61..90,all_n_91..120,all_n_120..,"
    "all_excluded,all_total,all_flights,all_booths"
)
YEAR_2018 = f"""{HEAD_2018}
ORD,Terminal 5,2018-01-02,0000 - 0100,8,15,7,18,9,19,153,1,0,0,0,0,0,9,163,1,9
"""
BANDS = "0-15,16-30,31-45,46-60,61-90,91-120,120 plus"
WAITS = "Average Wait Time,Max Wait Time"
PAGE = f"""CBP Airport Wait Times
,,,,U.S. Citizen,,Non U.S. Citizen,,All,,,,,,,,,,,,
Airport,Terminal,Date,Hour,{WAITS},{WAITS},{WAITS},{BANDS},Excluded,Total,Fligths,Booths
ORD,Terminal 5,1/2/18,0000 - 0100,8,15,7,18,9,19,153,1,0,0,0,0,0,9,163,1,9
"""
OWN = "date;hour;passengers;remark\n2026-01-05;8;1,200;busy\n2026-01-05;9:00;300;\n"


def _file(tmp_path, text, name="hours.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [YEAR_2018, PAGE])
def test_exports_of_2018_and_the_agencys_page_say_the_same(tmp_path, text):
    row = read_hours(_file(tmp_path, text)).frame.row(0, named=True)
    assert (row["date"], row["hour"], row["passengers"]) == (date(2018, 1, 2), 0, 163)
    assert (row["mean_wait"], row["us_mean_wait"], row["other_max_wait"]) == (9, 8, 18)
    assert (row["n_0_15"], row["n_over_120"], row["excluded"]) == (153, 0, 9)
    assert (row["flights"], row["booths"]) == (1, 9)


def test_the_agencys_page_saved_as_html_is_read(tmp_path):
    """Arriving over several columns, as the page shows them."""
    title, _, head, row = PAGE.strip().split("\n")
    spans = {"": 4, "U.S. Citizen": 2, "Non U.S. Citizen": 2, "All": 13}
    groups = "".join(f"<th colspan={span}>{name}" for name, span in spans.items())
    lines = [
        f"<tr>{groups}</tr>",
        "<tr>" + "".join(f"<th>{cell}</th>" for cell in head.split(",")) + "</tr>",
        "<tr>" + "".join(f"<td> {cell}\n</td>" for cell in row.split(",")) + "</tr>",
    ]
    text = f"<!DOCTYPE html><html><h1>{title}</h1><table>{''.join(lines)}</table></html>"
    page = read_hours(_file(tmp_path, text, "page.html")).frame
    assert page.equals(read_hours(_file(tmp_path, PAGE)).frame)


def test_a_workbook_is_refused_in_words(tmp_path):
    path = tmp_path / "hours.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(TableError, match="save its sheet as CSV"):
        read_hours(path)


@pytest.mark.parametrize("tail", ["", ","])
def test_the_export_of_2014_with_and_without_a_trailing_column(tmp_path, tail):
    text = "\n".join(line + tail for line in YEAR_2014.splitlines()) + "\n"
    frame = read_hours(_file(tmp_path, text)).frame
    assert frame["hour"].to_list() == [8, 23]
    assert frame["date"].unique().to_list() == [date(2014, 1, 1)]
    assert frame["mean_wait"].to_list() == [30, 29]


def test_own_columns_are_enough_and_others_are_carried(tmp_path):
    table = read_hours(_file(tmp_path, OWN))
    assert table.frame.select("hour", "passengers").rows() == [(8, 1200.0), (9, 300.0)]
    assert table.source.columns == ["date", "hour", "passengers", "remark"]
    assert table.frame["booths"].null_count() == 2


def test_a_misspelt_header_is_read_with_a_note(tmp_path):
    assert read_hours(_file(tmp_path, PAGE)).notes == ("column 'Fligths' is read as flights",)


def test_parquet_and_frames_are_read_alike(tmp_path):
    sample = sample_hours()["ohare"].frame
    assert len(sample) == 11_638
    path = tmp_path / "some.parquet"
    sample.head(50).write_parquet(path)
    assert read_hours(path).frame.drop("row").equals(sample.head(50).drop("row"))


def test_rows_without_passengers_are_left_out_with_a_note(tmp_path):
    table = read_hours(_file(tmp_path, "date,hour,total\n2026-01-05,8,10\n2026-01-05,9,\n2026-01-05,10,0\n"))
    assert len(table.frame) == 1
    assert table.notes == ("2 rows without passengers are left out",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "date,hour,passengers\n2026-01-05,8,1\n2026-01-05,8,2\n",
            "2026-01-05 hour 8 twice.*clock went back",
        ),
        ("date,hour,passengers\n2026-01-05,24,1\n", "hour = '24' in row 1"),
        ("date,hour,passengers\n2026-13-05,8,1\n", "date = '2026-13-05' in row 1"),
        ("date,hour,passengers\n2026-01-05,8,-5\n", "passengers = '-5'"),
        ("date,hour,passengers\n2026-01-05,8,500000\n", "passengers = '500000'"),
        ("date,hour,passengers\n2026-01-05,8,many\n", "passengers = 'many'"),
        ("date,hour,flights\n2026-01-05,8,1\n", "lacks passengers"),
        ("date,hour,passengers\n2026-01-05,8\n", "line 2 .* has 2 cells under 3 names"),
        ("date,hour,passengers\n", "no rows"),
        ("1,2,3\n4,5,6\n", "no header line"),
        (YEAR_2014.replace("43,24", "43,99"), "1 of 2 rows have wait bands that do not add up"),
        (YEAR_2014.replace("p121Plus", "rest"), "not n_over_120"),
        ("date,hour,passengers\n2026-01-05,8,0\n", "no hour with passengers"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, says):
    with pytest.raises(TableError, match=says):
        read_hours(_file(tmp_path, text))


def test_a_missing_file_and_several_terminals_are_said(tmp_path):
    with pytest.raises(TableError, match="does not exist"):
        read_hours(tmp_path / "none.csv")
    both = YEAR_2014.replace("Terminal E,1/1/2014,2300", "Terminal F,1/1/2014,2300")
    table = read_hours(_file(tmp_path, both))
    with pytest.raises(TableError, match="2 terminals"):
        table.only(None, None)
    assert len(table.only(None, "Terminal F").frame) == 1


def test_flights_take_local_times_or_one_offset():
    for times in (
        ["2026-03-29T01:30", "2026-03-29T00:10:00"],
        ["2026-03-29T01:30+01:00", "2026-03-29 00:10+01:00"],
    ):
        frame = read_flights(pl.DataFrame({"gate_time": times, "passengers": [10, 20]}))
        assert frame["gate_time"].to_list() == [datetime(2026, 3, 29, 0, 10), datetime(2026, 3, 29, 1, 30)]


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["2026-03-29T01:30+01:00", "2026-03-29T03:10+02:00"], "the clock changes inside the file"),
        (["2026-03-29T01:30+01:00", "2026-03-29T03:10"], "some times with an offset"),
        (["2026-03-29T01:30", "noon"], "gate_time = 'noon'"),
    ],
)
def test_flights_across_a_clock_change_are_refused(times, says):
    with pytest.raises(TableError, match=says):
        read_flights(pl.DataFrame({"gate_time": times, "passengers": [10, 20]}))


def test_rosters_take_times_of_day_or_hours():
    frame = read_roster(
        pl.DataFrame({"from": ["22:00", "30"], "to": ["06:00", "31.5"], "lane": ["a", "b"], "booths": [2, 3]})
    )
    assert frame.rows() == [(22.0, 6.0, "a", 2), (30.0, 31.5, "b", 3)]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("08:00", "08:00", "a", 2), "08:00 to 08:00"),
        (("25:00", "26:00", "a", 2), "time '25:00'"),
        (("08:00", "09:00", None, 2), "no lane or no booths"),
        (("08:00", "09:00", "a", 0), "no booth ever open"),
    ],
)
def test_rosters_that_cannot_be_are_refused(row, says):
    with pytest.raises(TableError, match=says):
        read_roster(pl.DataFrame([row], schema=["from", "to", "lane", "booths"], orient="row"))
