"""``biomatch stays us|eu``: the contract of its columns and JSON, and bad input one by one."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import biomatch.cli

EU_KEYS = [
    "traveller",
    "limit",
    "used",
    "remaining",
    "excess",
    "overstay_days",
    "may_stay_until",
    "next_entry",
]
US_KEYS = [
    "traveller",
    "entry",
    "last_lawful_day",
    "status",
    "days_over",
    "fiscal_year",
    "expected_departure",
]
US_HEAD = "traveller,class,entry,exit,admitted_until"


@pytest.fixture
def stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run ``biomatch stays`` on text or bytes; give exit code, standard output and standard error."""
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("stays",))

    def call(rule: str, content: str | bytes, on: str = "2026-04-01", *options: str) -> tuple[int, str, str]:
        path = tmp_path / "stays.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        code = biomatch.cli.run(["stays", rule, str(path), "--on", on, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def judged(stays):
    def call(rule: str, content: str | bytes, on: str = "2026-04-01") -> list[dict[str, object]]:
        code, out, _ = stays(rule, content, on, "--json")
        assert code == 0
        return json.loads(out)["stays"]

    return call


def test_eu_contract(judged) -> None:
    rows = judged("eu", "traveller,entry,exit\nB,2026-01-01,2026-04-01\nA,2026-03-01,\n")
    assert [list(row) for row in rows] == [EU_KEYS, EU_KEYS]
    assert rows[0] == {
        "traveller": "B",  # in the file's order
        "limit": 90,
        "used": 91,
        "remaining": 0,
        "excess": 1,
        "overstay_days": 1,
        "may_stay_until": None,
        "next_entry": "2026-07-01",
    }
    assert (rows[1]["used"], rows[1]["may_stay_until"], rows[1]["next_entry"]) == (
        32,
        "2026-05-29",
        "2026-04-02",
    )


def test_us_contract(judged) -> None:
    content = f"""{US_HEAD},programme_end,exit_received_on
A,B-2,2007-07-15,2008-01-15,2008-01-14,,
B,F-1,2024-01-10,,D/S,2024-12-20,
C,WT,2024-01-01,2024-02-01,,,2025-03-01
"""
    rows = judged("us", content, "2025-02-28")
    assert [list(row) for row in rows] == [US_KEYS] * 3
    assert rows[0] == {
        "traveller": "A",
        "entry": "2007-07-15",
        "last_lawful_day": "2008-01-14",
        "status": "out_of_country_overstay",
        "days_over": 1,
        "fiscal_year": 2008,
        "expected_departure": True,
    }
    assert (rows[1]["last_lawful_day"], rows[1]["status"], rows[1]["days_over"]) == (
        "2025-02-18",
        "suspected_in_country_overstay",
        10,
    )
    assert (rows[2]["last_lawful_day"], rows[2]["status"]) == ("2024-03-30", "suspected_in_country_overstay")
    assert judged("us", content, "2025-03-01")[2]["status"] == "compliant"


def test_us_second_arrival_infers_the_departure(judged) -> None:
    """Case l, in any order of rows."""
    content = f"{US_HEAD}\nA,B2,2024-05-01,2024-05-09,2024-10-31\nA,B2,2023-03-01,,2023-08-31\n"
    assert [r["status"] for r in judged("us", content, "2024-12-31")] == ["compliant", "departure_inferred"]
    assert judged("us", content, "2024-04-30")[1]["status"] == "suspected_in_country_overstay"


def test_us_admitted_until_in_words(judged) -> None:
    content = f"{US_HEAD}\nA,B2,2007-07-15,,6 months\nB,B1,2024-01-01,,90 days\nC,J1,2024-01-01,,d/s\n"
    rows = judged("us", content, "2024-03-31")
    assert [r["last_lawful_day"] for r in rows] == ["2008-01-14", "2024-03-30", None]
    assert rows[2]["expected_departure"] is False


def test_us_out_and_in_on_one_day_are_two_stays(judged) -> None:
    content = f"{US_HEAD}\nA,WT,2024-05-01,,2024-07-29\nA,WT,2024-05-01,2024-05-01,2024-07-29\n"
    assert [r["status"] for r in judged("us", content, "2024-06-01")] == ["not_yet_due", "compliant"]


def test_eu_passports_are_united_and_repeats_harmless(judged) -> None:
    """Case 14: union, not 41."""
    content = (
        "traveller,entry,exit\nA,2026-03-01,2026-03-20\nA,2026-03-15,2026-04-04\nA,2026-03-15,2026-04-04\n"
    )
    (row,) = judged("eu", content, "2026-04-04")
    assert (row["used"], row["remaining"]) == (35, 55)


def test_eu_basis_and_max_days(judged) -> None:
    content = (
        "traveller,entry,exit,basis,max_days\n"
        "A,2025-11-01,2026-02-28,residence_permit,\nA,2026-03-01,,Short Stay,15\n"
    )
    (row,) = judged("eu", content, "2026-03-20")
    assert (row["limit"], row["used"], row["excess"], row["overstay_days"]) == (15, 20, 5, 5)
    assert row["may_stay_until"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftraveller,entry,exit\nA,2026-03-01,2026-03-10\n",  # byte order mark
        b"traveller,entry,exit\r\nA,2026-03-01,2026-03-10\r\n",
        b'"traveller","entry","exit"\n"A","2026-03-01","2026-03-10"\n',
        b"traveller,entry,exit\nA,2026-03-01,2026-03-10",  # no end of line
        b"Traveller, Entry ,EXIT\n A , 2026-03-01 ,2026-03-10 \n",
        b"exit,entry,traveller\n2026-03-10,2026-03-01,A\n",
        b"traveller,entry,exit\n\nA,2026-03-01,2026-03-10\n\n,,\n",  # blank lines hold nothing to drop
        b'\xef\xbb\xbf"traveller",entry,exit\r\n\r\n"A",2026-03-01,"2026-03-10"\r\n',
    ],
)
def test_harmless_shapes(judged, content: bytes) -> None:
    (row,) = judged("eu", content)
    assert (row["traveller"], row["used"]) == ("A", 10)


def test_names_survive(judged) -> None:
    content = 'traveller,entry,exit\n"Núñez, ""Pepe""",2026-03-01,2026-03-10\n007,2026-03-01,2026-03-02\n'
    assert [r["traveller"] for r in judged("eu", content)] == ['Núñez, "Pepe"', "007"]


def test_an_empty_table_is_an_empty_list(judged) -> None:
    assert judged("eu", "traveller,entry,exit\n") == []
    assert judged("us", US_HEAD + "\n") == []


BAD_EU = [
    (
        "exit before entry",
        "A,2026-03-01,2026-02-01",
        "row 1 (line 2): the exit 2026-02-01 is before the entry",
    ),
    ("impossible day", "A,2026-01-01,\nB,2026-02-30,", "row 2 (line 3): entry '2026-02-30' is no day"),
    ("time", "A,2026-01-01T10:00:00,", "entry '2026-01-01T10:00:00' is a time"),
    ("time zone", "A,2026-01-01,2026-02-01T10:00:00+02:00", "is a time with a time zone"),
    ("zone Z", "A,2026-01-01 23:30:00Z,", "is a time with a time zone"),
    ("other order", "A,31/01/2026,", "row 1 (line 2): entry '31/01/2026' is no ISO date"),
    ("one digit", "A,2026-1-1,", "is no ISO date"),
    ("stand-in for open", "A,2026-01-01,9999-12-31", "exit '9999-12-31' is not between"),
    ("no entry", "A,,2026-01-01", "row 1 (line 2): entry is empty"),
    ("no traveller", ",2026-01-01,", "row 1 (line 2): traveller is empty"),
    ("cell missing", "A,2026-01-01,\nB,2026-01-01", "row 2 (line 3) has 2 cells"),
    ("cell too many", "A,2026-01-01,,x", "row 1 (line 2) has 4 cells"),
    ("comma in a name", "A,2026-01-01,\nNunez, Pepe,2026-01-01,", "row 2 (line 3) has 4 cells"),
    ("after a blank line", "\nA,2026-01-01,\n\nB,2026-02-30,", "row 2 (line 5): entry '2026-02-30'"),
    ("quoted, cell too many", '"A",2026-01-01,,x', "row 1 (line 2) has 4 cells"),
    ("quoted over lines", '"A\nB",2026-01-01,\nC,2026-02-30,', "row 2 (line 4): entry '2026-02-30'"),
    ("quote never closed", '"A,2026-01-01,\nB,2026-01-01,', "unexpected end of data"),
]


@pytest.mark.parametrize(("rows", "message"), [c[1:] for c in BAD_EU], ids=[c[0] for c in BAD_EU])
def test_bad_rows_eu(stays, rows: str, message: str) -> None:
    code, out, err = stays("eu", f"traveller,entry,exit\n{rows}\n", "2026-04-01", "--json")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


BAD_EU_OPTIONS = [
    ("max_days zero", "A,2026-01-01,,,0", "row 1 (line 2): max_days '0'"),
    ("max_days too large", "A,2026-01-01,,,180", "max_days '180'"),
    ("max_days no number", "A,2026-01-01,,,thirty", "max_days 'thirty'"),
    ("misspelt basis", "A,2026-01-01,,short_sty,", "did you mean 'short_stay'?"),
]


@pytest.mark.parametrize(
    ("rows", "message"), [c[1:] for c in BAD_EU_OPTIONS], ids=[c[0] for c in BAD_EU_OPTIONS]
)
def test_bad_options_eu(stays, rows: str, message: str) -> None:
    code, out, err = stays("eu", f"traveller,entry,exit,basis,max_days\n{rows}\n")
    assert (code, out) == (2, "")
    assert message in err


BAD_US = [
    ("unknown class", "A,B2,2024-01-01,,\nB,H1X,2024-01-01,,", "row 2 (line 3): class 'H1X' is unknown"),
    ("resident", "A,LPR,2024-01-01,,", "class 'LPR' owes no departure"),
    ("no class", "A,,2024-01-01,,", "row 1 (line 2): class is empty"),
    ("D/S for a visitor", "A,B2,2024-01-01,,D/S", "class B2 is not admitted for duration of status"),
    ("no date for a petition", "A,H1B,2024-01-01,,", "class H1B has no usual period"),
    ("admitted before entry", "A,B2,2024-01-01,,2023-12-31", "admitted until a day before the entry"),
    (
        "admitted until nonsense",
        "A,B2,2024-01-01,,soon",
        "row 1 (line 2): admitted_until 'soon' is no ISO date",
    ),
    ("exit before entry", "A,B2,2024-01-02,2024-01-01,2024-06-01", "is before the entry"),
    (
        "twice",
        "A,B2,2024-01-01,2024-02-01,\nB,B2,2024-01-01,,\nA,B2,2024-01-01,2024-02-01,",
        "row 3 (line 4): traveller 'A' enters on 2024-01-01 as in row 1",
    ),
    ("twice, one open", "A,B2,2024-01-01,,\nA,B2,2024-01-01,2024-02-01,", "as in row 1"),
]


@pytest.mark.parametrize(("rows", "message"), [c[1:] for c in BAD_US], ids=[c[0] for c in BAD_US])
def test_bad_rows_us(stays, rows: str, message: str) -> None:
    code, out, err = stays("us", f"{US_HEAD}\n{rows}\n", "2024-12-31")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


BAD_FILES = [
    ("eu", b"", "is empty"),
    ("eu", b"\xef\xbb\xbf", "is empty"),
    ("eu", b"\ntraveller,entry,exit\n", "line 1 is blank"),
    ("eu", b"traveler,entry,exit\n", "unknown column 'traveler'"),
    ("us", b"traveller,class,entry,exit,admitted_until,program_end\n", "did you mean 'programme_end'?"),
    ("eu", b"traveller,entry\nA,2026-01-01\n", "column 'exit' is missing"),
    ("eu", b"traveller,entry,exit,exit\n", "stands there twice"),
    ("eu", b"traveller;entry;exit\n", "separated by semicolons"),
    ("eu", b"traveller\tentry\texit\n", "separated by tabs"),
    ("eu", "traveller,entry,exit\n".encode("utf-16"), "is UTF-16 text"),
    ("eu", b"PK\x03\x04xxxx", "a spreadsheet or ZIP archive"),
    (
        "eu",
        b"traveller,entry,exit\nA,2026-01-01,\nN\xfa\xf1ez,2026-01-01,\n",
        "row 2 (line 3) is not UTF-8: byte 0xfa",
    ),
    ("eu", b"traveller,entry,exit\nA,2026-01-01,\0\n", "line 2 holds a NUL byte"),
    ("eu", b"traveller,entry,exit\rA,2026-01-01,\r", "line ends of CR alone"),
    ("eu", b"traveller,entry,exit\nA,2026-01-01,\n\xc3", "ends within a character"),
]


@pytest.mark.parametrize(("rule", "content", "message"), BAD_FILES)
def test_bad_files(stays, rule: str, content: bytes, message: str) -> None:
    code, out, err = stays(rule, content)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "on", ["2026-02-30", "today", "2026-1-1", "9999-12-31", "20260101", "2026-01-01T00:00"]
)
def test_bad_day_of_the_check(stays, on: str) -> None:
    code, _, err = stays("eu", "traveller,entry,exit\n", on)
    assert code == 2
    assert f"--on '{on}'" in err


def test_bad_calls(stays, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("stays",))
    for arguments, message in (
        (["stays", "eu", str(tmp_path / "none.csv"), "--on", "2026-01-01"], "does not exist"),
        (["stays", "eu", str(tmp_path), "--on", "2026-01-01"], "is a folder"),
        (["stays", "eu", str(tmp_path / "none.csv")], "--on"),
        (["stays", "uk", "x.csv", "--on", "2026-01-01"], "uk"),
    ):
        assert biomatch.cli.run(arguments) == 2
        assert message in capsys.readouterr().err


def test_what_has_no_effect_is_said(stays) -> None:
    content = f"""{US_HEAD},satisfactory_departure_until,extension_filed_on
A,B2,2024-01-01,2024-07-10,2024-06-30,2024-07-20,
B,WT,2024-01-01,,,,2024-02-01
"""
    code, out, err = stays("us", content, "2024-12-31", "--json")
    assert code == 0
    found = json.loads(out)
    assert [r["status"] for r in found["stays"]] == [
        "out_of_country_overstay",
        "suspected_in_country_overstay",
    ]
    assert "satisfactory_departure_until has no effect in 1 row, first in row 1" in err
    assert "extension_filed_on has no effect in 1 row, first in row 2" in err
    assert len(found["notes"]) == 2


def test_for_a_person(stays) -> None:
    rows = "".join(f"T{i},2026-01-01,2026-04-01\n" for i in range(30))
    code, out, _ = stays("eu", f"traveller,entry,exit\n{rows}")
    assert code == 0
    assert out.splitlines()[0].split() == EU_KEYS
    assert "... and 10 more" in out
    assert "30  in excess" in out
    code, out, _ = stays("us", f"{US_HEAD}\nA,B2,2023-11-01,,2024-04-30\n", "2024-09-30")
    assert "FY2024: 1 overstay in 1 expected departure: 1 (1 of 1; 0.025 to 1)" in out
    assert "suspected_in_country_overstay" in out


def test_many_chunks_make_one_object(stays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("biomatch.cli.records.tables.CHUNK_ROWS", 7)
    rows = "".join(f"T{i},2026-01-01,2026-02-01\n" for i in range(30))
    _, out, _ = stays("eu", f"traveller,entry,exit\n{rows}", "2026-04-01", "--json")
    assert [r["traveller"] for r in json.loads(out)["stays"]] == [f"T{i}" for i in range(30)]


def test_the_shape_is_checked_across_chunks(stays, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of the blocks in which the file is read: the same row is named."""
    good = "".join(f"Té{i},2026-01-01,\r\n" for i in range(60))
    for size in (16, 17, 40, 41, 1000):
        monkeypatch.setattr("biomatch.overstay.rules.intake.csvfile.CHUNK_BYTES", size)
        code, _, err = stays("eu", f"traveller,entry,exit\r\n{good}B,2026-01-01\r\n{good}")
        assert code == 2
        assert "row 61 (line 62) has 2 cells" in err
        code, out, err = stays("eu", f"traveller,entry,exit\r\n{good}", "2026-02-01", "--json")
        assert code == 0, err
        assert len(json.loads(out)["stays"]) == 60
        bad = f"traveller,entry,exit\n{good}".encode() + b"\xff,2026-01-01,\n"
        assert "row 61 (line 62) is not UTF-8" in stays("eu", bad)[2]


@pytest.mark.slow
def test_ten_million_rows(stays, tmp_path: Path) -> None:
    """A result for ten million rows, and the right row named when the last one is wrong."""
    count = 10_000_000
    n = pl.int_range(count, eager=True)
    frame = pl.DataFrame(
        {
            "traveller": "P" + (n % 3_000_000).cast(pl.String),
            "entry": pl.Series((18_000 + n % 2500).cast(pl.Int32)).cast(pl.Date),
        }
    ).with_columns(exit=pl.col("entry") + pl.duration(days=9))
    path = tmp_path / "big.csv"
    frame.write_csv(path)
    assert biomatch.cli.run(["stays", "eu", str(path), "--on", "2026-04-01"]) == 0
    with path.open("a") as file:
        file.write("P1,2026-02-30,\n")
    content = path.read_bytes()
    code, _, err = stays("eu", content)
    assert code == 2
    assert "row 10000001 (line 10000002): entry '2026-02-30'" in err
