"""One row per run: what was asked (as an id), what was counted, with what, how long it took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from biomatch import files
from biomatch.errors import ResultsError, TableError
from biomatch.paths import code_id
from biomatch.tables.seals import seal_of
from biomatch.tables.storage import write_text

PLAN = "study.json"
"""File of a study's folder that names every run of it, finished or not."""
CELL = ("world", "system", "seed", "control")
WITHIN = (
    ("missed", "mated"),
    ("missed_or_failed", "mated_due"),
    ("false_positives", "non_mated"),
    ("false_leads", "true_departures"),
    ("false_leads", "leads"),
    ("true_leads", "leads"),
    ("hidden", "true_in_country"),
)
"""Counts that cannot be above another."""


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
        laid = asdict(self)
        write_text(place, json.dumps(laid | {"seal": seal_of(laid)}, indent=1, sort_keys=True) + "\n")
        return place

    @classmethod
    def read(cls, path: Path) -> Row:
        """Read what `write` wrote.

        Raises
        ------
        TableError
            For a file that is no row, was edited, or holds counts that cannot be: negative, not a number,
            text, or above their trials.
        """
        found = files.read_json(path, remedy="remove it and resume")
        wrong = _wrong_row(found, {one.name for one in fields(cls)}, path.stem)
        if wrong:
            raise TableError(f"{path} is no row of a study ({wrong})", remedy="remove it and resume")
        return cls(**{name: value for name, value in found.items() if name != "seal"})

    def check(self) -> Row:
        """Refuse counts that cannot be; give the row.

        Raises
        ------
        TableError
            With the first such count.
        """
        wrong = wrong_counts(self.counts)
        if wrong:
            raise TableError(f"run {self.id} of {self.cell.get('world')}: {wrong}", remedy="run it again")
        return self


def _wrong_row(found: Any, known: set[str], stem: str) -> str:
    """Say what is wrong with a row as it was read; nothing where all is well."""
    if not isinstance(found, dict) or set(found) != known | {"seal"}:
        lacking = sorted((known | {"seal"}) - set(found if isinstance(found, dict) else ()))
        return f"it lacks {', '.join(lacking)}" if lacking else "it holds more than a row"
    if found["seal"] != seal_of(found):
        return "it was edited: its seal does not fit"
    if (
        not isinstance(found["id"], str)
        or not re.fullmatch("[0-9a-f]{16}", found["id"])
        or found["id"] != stem
    ):
        return f"its id is {found['id']!r}"
    cell = found["cell"]
    if (
        not isinstance(cell, dict)
        or set(cell) != set(CELL)
        or not all(isinstance(v, str) for v in cell.values())
    ):
        return f"it names no {', '.join(CELL)}"
    for name in ("versions", "machine", "seconds"):
        if not isinstance(found[name], dict):
            return f"its {name} are no table"
    return wrong_counts(found["counts"])


def wrong_counts(counts: Any) -> str:
    """Say which count cannot be; nothing where all can.

    A count is a whole number from 0; ``threshold`` is any finite number; `WITHIN` and the counts of alerts
    name what cannot be above what.
    """
    if not isinstance(counts, Mapping):
        return "it holds no counts"
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e300 < value < 1e300:
            return f"{name} = {str(value)[:40]} is no count"
        if name != "threshold" and (value < 0 or value != int(value) or value > 2**53):
            return f"{name} = {value!r} is no count"
    pairs = [*WITHIN]
    for name in counts:
        kind = name.removesuffix("_caught")
        if name.startswith("alerts_") and kind != name:
            pairs += [(name, f"{kind}_events"), (f"{kind}_stopped", f"{kind}_honest")]
    for part, whole in pairs:
        if part in counts and whole in counts and counts[part] > counts[whole]:
            return f"{part} = {counts[part]:g} is above {whole} = {counts[whole]:g}"
    return ""


def write_plan(folder: Path, name: str, ids: Sequence[str]) -> None:
    """Keep which runs a study consists of, so that a half-finished one can be told."""
    laid = {"name": name, "runs": sorted(ids)}
    write_text(folder / PLAN, json.dumps(laid | {"seal": seal_of(laid)}, indent=1, sort_keys=True) + "\n")


def planned(folder: Path) -> set[str] | None:
    """Give the ids of all runs that the study of a folder consists of; None where it does not say.

    Raises
    ------
    TableError
        For a plan that was edited.
    """
    place = folder / PLAN
    if not files.exists(place):
        return None
    found = files.read_json(place, remedy="run `biomatch bench` again: it writes the plan")
    if not isinstance(found, dict) or found.get("seal") != seal_of(found) or "runs" not in found:
        raise TableError(f"{place} was edited: its seal does not fit", remedy="run `biomatch bench` again")
    return set(found["runs"])


def study_rows(folder: Path, *, partial: bool = False) -> tuple[list[Row], list[str]]:
    """Read the rows of a finished study, and what has to be said of them.

    Parameters
    ----------
    folder : path
        Where `bench` wrote.
    partial : bool
        Take a half-finished study too, and one that does not say which runs it consists of.

    Raises
    ------
    ResultsError
        For such a study where it was not asked for.
    """
    rows, wanted, said = read_rows(folder), planned(folder), []
    if wanted is None:
        lost = f"{folder} does not say which runs its study consists of ({PLAN} is missing)"
        if not partial:
            raise ResultsError(
                lost,
                allowed="finished studies",
                remedy="run the same `biomatch bench` again, which writes it, or give --partial",
            )
        return rows, [lost]
    kept = [row for row in rows if row.id in wanted]
    if len(kept) < len(rows):
        said.append(f"{folder} holds {len(rows) - len(kept)} runs that are not of its suite: left out")
    if len(kept) < len(wanted):
        half = f"{folder} is half-finished: {len(kept)} of {len(wanted)} runs"
        if not partial:
            raise ResultsError(
                half,
                allowed="finished studies",
                remedy="finish it with the same `biomatch bench`, or give --partial",
            )
        said.append(half)
    return kept, said


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
    place = folder / "runs" if files.exists(folder / "runs") else folder
    found = sorted(place.glob("*.json")) if files.exists(place) else []
    if not found:
        raise ResultsError(f"{folder} holds no run of a study", remedy="give the --out of `biomatch bench`")
    rows = merged(Row.read(file) for file in found)
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


def refuse_other_code(files: Sequence[Path], out: Path) -> None:
    """Take no row of other code for a finished run: after a change it may count something else."""
    others = [row.code for row in map(Row.read, filter(Path.exists, files)) if row.code != code_id()]
    if others:
        raise ResultsError(
            f"{len(others)} finished runs in {out} were made by other code ({others[0] or 'unknown'}; "
            f"installed is {code_id()})",
            allowed="runs of one code in one folder",
            remedy="--fresh to run them again, or another --out",
        )
