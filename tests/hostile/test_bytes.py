"""Seals, archives and templates: trees of hashes, bombs, rows that are no unit vectors."""

import io
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch import files
from biomatch.errors import BiomatchError, TableError, shown
from biomatch.tables import seals, storage
from biomatch.tables.observed import check_unit_rows


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
def test_a_tree_is_the_same_however_the_bytes_come(data, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seals, "CHUNK", 16)
        found, at = seals.TreeHash(), 0
        for step in steps:
            found.update(data[at : at + step])
            at += step
        found.update(data[at:])
        sealed = found.close()
        assert sealed == seals.seal_bytes(data)
        assert seals.FileSeal.from_json(sealed.to_json()) == sealed
        assert len(sealed.chunks) == (-(-len(data) // 16) if len(data) > 16 else 0)


def write(place, rows):
    with storage.new_folder(place, "thing") as folder:
        storage.write_array(folder / "x.npy", rows)


def test_every_flipped_chunk_is_found_in_full_and_said_when_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(seals, "CHUNK", 4096)
    write(tmp_path / "t", np.ones((1000, 64), dtype=np.float32))
    contents = storage.open_folder(tmp_path / "t", "thing")
    _, checked = storage.map_checked(tmp_path / "t", "x.npy", contents, dtype=np.float32)
    assert checked.whole
    with seals.notes() as said, seals.checking("sampled"):
        monkeypatch.setattr(seals, "SAMPLED_CHUNKS", 5)
        _, checked = storage.map_checked(tmp_path / "t", "x.npy", contents, dtype=np.float32)
    assert not checked.whole
    assert {0, checked.chunks - 1} <= set(checked.numbers)
    assert str(checked) in said[0]
    file = tmp_path / "t" / "x.npy"
    whole = file.read_bytes()
    for number in range(0, checked.chunks, 7):
        data = bytearray(whole)
        data[number * 4096] ^= 1
        file.write_bytes(data)
        with pytest.raises(TableError, match="content"):
            storage.map_checked(tmp_path / "t", "x.npy", contents, dtype=np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0])
def test_a_row_that_is_no_unit_vector_is_named(value):
    rows = np.eye(5, 8, dtype=np.float32)
    check_unit_rows(rows, "x")
    rows[3] = 0
    rows[3, 0] = value
    with pytest.raises(TableError, match="row 3"):
        check_unit_rows(rows, "x")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_a_damaged_npy_is_the_same_array_or_refused(seed):
    rng = random.Random(seed)
    file = io.BytesIO()
    array = np.arange(30, dtype=np.int32).reshape(5, 6)
    np.save(file, array)
    data = bytearray(file.getvalue())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    try:
        found = files.guarded(lambda: files.parse_npy(bytes(data)), "x", files.NPY)
    except TableError:
        return
    assert found.nbytes == array.nbytes


@given(st.text(max_size=50))
def test_what_is_shown_cannot_steer_a_terminal(text):
    assert all(one.isprintable() or one.isspace() for one in shown(text))
    assert "\x1b" not in shown(text)
    assert "\n" not in shown(text)


def test_formulas_in_tables_stay_text():
    import polars as pl

    frame = pl.DataFrame({"=a": ["=1+1", "+x", "-5", "@x", "plain"], "n": [1, -2, 3, 4, 5]})
    laid = files.no_formulas(frame)
    assert laid.columns == ["'=a", "n"]
    assert laid["'=a"].to_list() == ["'=1+1", "'+x", "-5", "'@x", "plain"]
    assert laid["n"].to_list() == [1, -2, 3, 4, 5]


def test_every_csv_is_written_without_formulas():
    """No module but one writes a CSV of its own."""
    home = Path(files.__file__).parents[1]
    writers = {
        str(one.relative_to(home))
        for one in home.rglob("*.py")
        if ".write_csv(" in (text := one.read_text(encoding="utf-8"))
        or "sink_csv" in text
        or "csv.writer" in text
    }
    assert writers == {"files/tables.py", "reporting/tables.py"}  # the second guards cell by cell


@pytest.mark.parametrize("way", ["out", "rejects", "tables"])
def test_a_name_stays_a_name_in_tables_for_spreadsheets(way, tmp_path, capsys):
    from biomatch import cli

    name = '"=cmd|x!A1"'
    rows = f"{name},B2,2024-01-01,,2024-01-30\nA,B2,{name},,\n"
    (tmp_path / "us.csv").write_text(f"traveller,class,entry,exit,admitted_until\n{rows}")
    (tmp_path / "records.csv").write_text(
        f"document,date,direction\n{name},2024-01-01,in\n{name},2024-02-01,out\n"
    )
    out, call = tmp_path / "o.csv", ["stays", "us", str(tmp_path / "us.csv"), "--on", "2024-06-01"]
    bad = ["--rejects", str(tmp_path / "rejects.csv")]
    if way == "out":
        assert cli.run([*call, *bad, "--out", str(out)]) == 0
    elif way == "rejects":
        assert cli.run([*call, *bad]) == 0
    else:
        records = str(tmp_path / "records.csv")
        assert cli.run(["link", records, "--on", "2024-06-01", "--out", str(out), "--as", "csv"]) == 0
    capsys.readouterr()
    given = {"us.csv", "records.csv"}
    made = [one for one in tmp_path.rglob("*.csv") if one.name not in given and one.is_file()]
    assert made
    text = "".join(one.read_text() for one in made)
    cells = [cell.lstrip('"') for line in text.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith("=")]
    assert way == "tables" or "'=cmd|x!A1" in cells


def test_a_name_of_a_megabyte_is_refused_at_once(tmp_path):
    """Nobody looks for the nearest known name of one that is no slip: that takes the square of the length."""
    from biomatch.errors import closest
    from biomatch.scorefiles.lines import blocks
    from biomatch.settings.system import System

    name = "x" * (1 << 20)
    (tmp_path / "s.toml").write_text(f'"{name}" = 1\n')
    (tmp_path / "line.txt").write_text(f"{name}\n{name}")
    began = time.process_time()
    with pytest.raises(BiomatchError, match="unknown setting"):
        System.load(str(tmp_path / "s.toml"))
    assert closest(name, ["default"]) is None
    assert [len(one) for one in blocks(tmp_path / "line.txt", 16)] == [2**20 + 1] * 2
    assert time.process_time() - began < 3
