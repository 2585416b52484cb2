"""One row per run: what was asked (as an id), what was counted, with what, how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.errors import ResultsError, TableError
from biomatch.tables.storage import write_text


@dataclass(frozen=True)
class Row:
    """A finished run of a study.

    Attributes
    ----------
    id : str
        Hash of what was asked: world settings, system settings, seeds, target; 16 hexadecimal digits.
    cell : mapping of str to str
        Names in the suite: world, system, seed, control.
    counts : mapping of str to number
        Integers, and the threshold: the same for everybody who asks the same.
    versions : mapping of str to str
        Of biomatch and what it computes with.
    machine : mapping
        Where it ran; not compared.
    seconds : mapping of str to float
        By stage; not compared.
    peak_megabytes : float
        Largest resident memory of the process; not compared.
    code : str
        `biomatch.paths.code_id` of the process that ran it; empty in rows that were written before it was
        recorded.
    """

    id: str
    cell: Mapping[str, str]
    counts: Mapping[str, float]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_megabytes: float
    code: str = ""

    def write(self, folder: Path) -> Path:
        """Write the row as one JSON file, whole or absent; a twin that disagrees is refused."""
        place = folder / f"{self.id}.json"
        if place.exists():
            agree(Row.read(place), self)
        write_text(place, json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")
        return place

    @classmethod
    def read(cls, path: Path) -> Row:
        """Read what `write` wrote.

        Raises
        ------
        TableError
            For a file that is no row.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as fault:
            raise TableError(
                f"{path} is no row of a study ({fault})", remedy="remove it and resume"
            ) from None


def agree(one: Row, other: Row) -> Row:
    """Give `one` where two rows of one id count the same.

    Raises
    ------
    ResultsError
        When they do not: the same question has one answer, or something is broken.
    """
    if one.id != other.id:
        raise ResultsError(f"rows {one.id} and {other.id} are no twins")
    if dict(one.counts) != dict(other.counts):
        names = sorted(
            name for name in {*one.counts, *other.counts} if one.counts.get(name) != other.counts.get(name)
        )
        shown = ", ".join(f"{n}: {one.counts.get(n)} and {other.counts.get(n)}" for n in names[:5])
        raise ResultsError(
            f"two runs of {one.id} disagree ({shown})",
            allowed="the same counts for the same question, platform and lock file",
            remedy=f"compare their versions: {dict(one.versions)} and {dict(other.versions)}",
        )
    return one


def merged(rows: Iterable[Row]) -> list[Row]:
    """Unite rows by id, refusing twins that disagree; sorted by id."""
    found: dict[str, Row] = {}
    for row in rows:
        found[row.id] = agree(found[row.id], row) if row.id in found else row
    return [found[key] for key in sorted(found)]


def read_rows(folder: Path) -> list[Row]:
    """Read every row of a study's folder.

    Raises
    ------
    ResultsError
        For a folder without runs, disagreeing twins, or runs that were made by different code.
    """
    place = folder / "runs" if (folder / "runs").is_dir() else folder
    files = sorted(place.glob("*.json"))
    if not files:
        raise ResultsError(f"{folder} holds no run of a study", remedy="give the --out of `biomatch bench`")
    rows = merged(Row.read(file) for file in files)
    if len({row.code for row in rows}) > 1:
        counted = ", ".join(f"{row_code or 'unknown'}" for row_code in sorted({row.code for row in rows}))
        raise ResultsError(
            f"{folder} holds runs of several codes ({counted})",
            allowed="runs of one code in one folder",
            remedy="run the study again with --fresh, or into another folder",
        )
    return rows


def table(rows: Iterable[Row]) -> pl.DataFrame:
    """Lay rows out as a table: cell, id, counts, seconds by stage, peak memory; sorted by cell."""
    laid = [
        {
            **row.cell,
            "id": row.id,
            **row.counts,
            **{f"seconds_{stage}": value for stage, value in row.seconds.items()},
            "peak_megabytes": row.peak_megabytes,
        }
        for row in rows
    ]
    frame = pl.DataFrame(laid, infer_schema_length=None)
    return frame.sort([name for name in ("world", "system", "control", "seed") if name in frame.columns])
