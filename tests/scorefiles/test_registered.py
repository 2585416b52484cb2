"""A registered reader is asked about every file, of any kind, and hinders none that it does not recognise."""

import numpy as np
import polars as pl
import pytest

from biomatch.errors import TableError
from biomatch.registry import READERS
from biomatch.scorefiles import read_scores
from biomatch.scorefiles.registered import register_reader


@pytest.fixture
def asked():
    """The openings that a registered reader was asked about; it recognises none."""
    lines: list[str] = []

    def recognises(line: str) -> bool:
        lines.append(line)
        return False

    register_reader("never", lambda paths, **_: None, about="no file at all", recognises=recognises)
    yield lines
    READERS.remove("never")


@pytest.mark.parametrize("carriage", [b"\r", b"\xff\xfe\r", b"\r\rmore"], ids=["return", "mark", "returns"])
def test_tables_and_arrays_are_read_beside_a_registered_reader(asked, tmp_path, carriage):
    """Bytes may be anything: a carriage return before the first line feed is no fault of a line."""
    frame = pl.DataFrame({"note": [carriage.decode("latin-1")] * 60, "mated": np.arange(60) % 2})
    frame = frame.with_columns(
        score=np.random.default_rng(1).normal(0, 1, 60) + 4 * frame["mated"].to_numpy()
    )
    own, other = (frame.filter(pl.col("mated") == kind)["score"].to_numpy() for kind in (1, 0))
    frame.write_parquet(tmp_path / "s.parquet", compression="uncompressed", statistics=False)
    np.savez(tmp_path / "s.npz", mated_scores=own, non_mated_scores=other)
    for name in ("s.parquet", "s.npz"):
        assert read_scores([tmp_path / name]).curve().mated_scores.size == 30
    assert not asked


def test_a_text_of_any_line_ends_is_the_registered_readers_to_judge(asked, tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes(b"a;b\rc;d\r")
    with pytest.raises(TableError, match="carriage returns alone"):
        read_scores([path])
    assert asked == ["a;b\rc;d"]
