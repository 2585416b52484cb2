"""Folders are whole or absent, whatever happens while they are written; schemas refuse what does not fit."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from biomatch.errors import TableError
from biomatch.tables import storage
from biomatch.tables.schema import Schema

THING = Schema("thing", {"id": pl.Int64, "name": pl.String, "when": pl.Date}, frozenset({"when"}), ("id",))


def frame(**changes):
    return pl.DataFrame(
        {"id": [1, 2], "name": ["a", "b"], "when": [None, None]} | changes, schema=dict(THING.columns)
    )


def write(place, rows=None):
    with storage.new_folder(place, "thing", {"a": 1}) as folder:
        storage.write_table(folder, THING, frame() if rows is None else rows)
        storage.write_array(folder / "x.npy", np.arange(6.0))


def test_what_was_written_is_read(tmp_path):
    write(tmp_path / "t")
    contents = storage.open_folder(tmp_path / "t", "thing")
    assert contents["about"] == {"a": 1}
    assert storage.read_table(tmp_path / "t", THING, contents).equals(frame())
    assert storage.map_array(tmp_path / "t" / "x.npy", dtype=np.float64).tolist() == list(range(6))


def test_the_digest_in_memory_is_the_digest_on_disk(tmp_path):
    write(tmp_path / "t")
    files = storage.open_folder(tmp_path / "t", "thing")["files"]
    assert files["thing.parquet"]["sha256"] == storage.table_digest(THING, frame())
    assert files["x.npy"]["sha256"] == storage.array_digest(np.arange(6.0))


def half_write(place):
    with storage.new_folder(place, "thing") as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError


def test_an_error_inside_leaves_the_place_as_it_was(tmp_path):
    write(tmp_path / "t")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ZeroDivisionError):
        half_write(tmp_path / "t")
    assert sorted(tmp_path.rglob("*")) == before
    storage.open_folder(tmp_path / "t", "thing")


def test_a_full_disk_is_one_clear_message(tmp_path):
    with pytest.raises(TableError, match="free space"), storage.new_folder(tmp_path / "t", "thing"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_place_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "mine.txt").write_text("mine")
    with pytest.raises(TableError, match="something else"):
        write(tmp_path / "t")
    assert (tmp_path / "t" / "mine.txt").read_text() == "mine"
    write(tmp_path / "u")
    with pytest.raises(TableError, match="something else"), storage.new_folder(tmp_path / "u", "other"):
        pass
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")


@pytest.mark.parametrize("harm", ["absent", "short", "flipped", "kind", "format", "json"])
def test_a_folder_that_is_not_whole_is_refused(tmp_path, harm):
    place = tmp_path / "t"
    write(place)
    file = place / "thing.parquet"
    if harm == "absent":
        file.unlink()
    elif harm == "short":
        file.write_bytes(file.read_bytes()[:-7])
    elif harm == "flipped":
        data = bytearray(file.read_bytes())
        data[40] ^= 1
        file.write_bytes(bytes(data))
    elif harm in ("kind", "format"):
        contents = json.loads((place / storage.CONTENTS).read_text())
        contents[harm] = "other" if harm == "kind" else 99
        (place / storage.CONTENTS).write_text(json.dumps(contents))
    else:
        (place / storage.CONTENTS).write_text('{"kind":')
    with pytest.raises(TableError):
        storage.read_table(place, THING, storage.open_folder(place, "thing"))


def test_a_pickle_is_never_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TableError, match="cannot be read"):
        storage.map_array(tmp_path / "x.npy", dtype=np.float32)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame().drop("name"), "lacks name"),
        (frame().with_columns(more=pl.lit(1)), "unknown more"),
        (frame().with_columns(pl.col("id").cast(pl.Int32)), "type Int32"),
        (frame(name=["a", None]), "1 empty"),
        (frame(id=[1, 1]), "id 1 twice"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(rows, message):
    with pytest.raises(TableError, match=message):
        THING.check(rows)


KILLED = """
import sys, time
from pathlib import Path
from biomatch.tables import storage
with storage.new_folder(sys.argv[1], "thing") as folder:
    (folder / "big").write_bytes(b"x" * 1000)
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_in_the_middle_leaves_nothing_that_is_trusted(tmp_path, signal_):
    place = tmp_path / "t"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal_)
    process.wait(10)
    process.stdout.close()
    assert not place.exists()
    write(place)  # the same command afterwards finishes
    storage.open_folder(place, "thing")
    assert [item.name for item in tmp_path.iterdir()] == ["t"]


def test_a_text_file_is_replaced_whole(tmp_path):
    file = tmp_path / "deep" / "a.txt"
    storage.write_text(file, "one")
    storage.write_text(file, "two")
    assert file.read_text() == "two"
    assert [item.name for item in Path(file.parent).iterdir()] == ["a.txt"]
