"""Seals, archives and templates: trees of hashes, bombs, rows that are no unit vectors."""

import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch import files
from biomatch.errors import TableError, shown
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
