"""What a border can see: the tables that a world hands to the system under test.

Row order and every identifier are shuffled when a world is separated, so that neither carries
information. Times are UTC; `recorded_at` and `received_at` say when a record could first be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError, WallError
from biomatch.tables import storage
from biomatch.tables.schema import Schema, Time
from biomatch.tables.seals import CHUNK, Checked

DOCUMENT_KEY = ["document_number", "document_issuer"]
"""Columns that name a travel document wherever an encounter or a stay shows one."""
SOURCES = ("port", "manifest", "neighbour", "capture")
"""Who made a record. ``capture``: a camera at a departure, whose image is itself the record of the exit; it
has a template, and a document with its holder's particulars only where the gate read one."""
MODES = ("air", "sea", "land")
DIRECTIONS = ("entry", "exit")
SEXES = ("F", "M", "X")
"""As in travel documents (ICAO 9303); X: not specified."""
CLASSES = (
    "WT", "WB", "B1", "B2", "F1", "J1", "M1", "H1B", "L1", "C1", "VISITOR", "RESIDENT",
    "F2", "F3", "J2", "M2", "M3", "A1", "A2", "A3", "G1", "G2", "G3", "G4", "G5", "I", "C2", "C3", "D", "D1",
    "D2", "GMB", "GMT", "GB", "GT", "K1", "K2", "E1", "E2", "E3", "H1B1", "H2A", "H2B", "H3", "H4", "L2",
    "O1", "O2", "O3", "P1", "P2", "P3", "P4", "Q1", "R1", "R2", "TN", "TD", "CW1", "CW2",
    "B1B2", "K3", "K4", "K", "T1", "T2", "T3", "T4", "T5", "T6", "T", "U1", "U2", "U3", "U4", "U5", "U",
    "V1", "V2", "V3", "V", "S5", "S6", "S7", "N8", "N9", "H1C", "H2R", "Q2", "Q3", "PAR", "TPS",
    "NATO1", "NATO2", "NATO3", "NATO4", "NATO5", "NATO6", "NATO7",
    "OTHER",
)  # fmt: skip
"""Classes of admission: those of worlds first, then the others that the rules know. RESIDENT stands for
citizens and permanent residents, who owe no departure; OTHER for a class that is not known here, whose last
lawful day is the date that the record bears, or unknown."""
FAILURES = ("none", "not_attempted", "no_face", "low_quality", "timeout", "opt_out")
"""Why an encounter has no template; ``not_attempted`` (no camera there) means that no capture was due."""
EVENT_KINDS = (
    "extension_filed",
    "extension_granted",
    "adjustment",
    "programme_end",
    "satisfactory_departure",
    "early_end",
)
DOCUMENT_KINDS = ("passport", "visa")

ENCOUNTERS = Schema(
    "encounters",
    {
        "encounter_id": pl.Int64,
        "source": pl.Enum(SOURCES),
        "time": Time,
        "recorded_at": Time,
        "port": pl.String,
        "mode": pl.Enum(MODES),
        "direction": pl.Enum(DIRECTIONS),
        "movement": pl.Int64,  # -1: none (land)
        "document_number": pl.String,
        "document_issuer": pl.String,
        "claimed_name": pl.String,
        "birth_date": pl.Date,
        "sex": pl.Enum(SEXES),
        "nationality": pl.String,
        "admission_class": pl.Enum(CLASSES),
        "permitted_until": pl.Date,  # null: exits, residents, and duration of status
        "camera": pl.String,  # null: no capture
        "attempts": pl.Int16,
        "quality": pl.Float32,  # null: no template
        "template_row": pl.Int64,  # -1: none, see failure
        "failure": pl.Enum(FAILURES),
    },
    nullable=frozenset(
        {
            "document_number",  # null: no document was read (captures only, see `Observed.check`)
            "document_issuer",
            "claimed_name",  # null: not recorded
            "birth_date",
            "sex",
            "nationality",
            "admission_class",
            "permitted_until",
            "camera",
            "quality",
        }
    ),
    key=("encounter_id",),
    otherwise={"admission_class": "OTHER", "sex": "X"},
)
DOCUMENTS = Schema(
    "documents",
    {
        "number": pl.String,
        "issuer": pl.String,
        "kind": pl.Enum(DOCUMENT_KINDS),
        "holder_name": pl.String,
        "birth_date": pl.Date,
        "sex": pl.Enum(SEXES),
        "nationality": pl.String,
        "template_row": pl.Int64,  # -1: no photo on file
        "issued": pl.Date,
        "expires": pl.Date,
    },
    nullable=frozenset({"holder_name", "birth_date", "sex", "nationality"}),
    key=("number", "issuer"),
    otherwise={"sex": "X"},
)
MOVEMENTS = Schema(
    "movements",
    {
        "movement": pl.Int64,
        "carrier": pl.String,
        "port": pl.String,
        "mode": pl.Enum(MODES),
        "direction": pl.Enum(DIRECTIONS),
        "scheduled": Time,
    },
    key=("movement",),
)
MANIFESTS = Schema(
    "manifests",
    {
        "movement": pl.Int64,
        "document_number": pl.String,
        "document_issuer": pl.String,
        "seat": pl.String,
        "received_at": Time,
    },
)
STATUS_EVENTS = Schema(
    "status_events",
    {
        "document_number": pl.String,
        "document_issuer": pl.String,
        "kind": pl.Enum(EVENT_KINDS),
        "date": pl.Date,
        "until": pl.Date,  # the new last lawful day, where the event sets one
        "received_at": Time,
    },
    nullable=frozenset({"until"}),
)
WATCHLIST = Schema(
    "watchlist", {"reference": pl.Int64, "template_row": pl.Int64, "since": Time}, key=("reference",)
)
UNIT_TOLERANCE = 1e-3
"""How far a template's length may lie from 1: float32 rounding is a thousand times smaller."""
_BLOCK_BYTES = 1 << 22
SCHEMAS = (ENCOUNTERS, DOCUMENTS, MOVEMENTS, MANIFESTS, STATUS_EVENTS, WATCHLIST)


@dataclass(frozen=True, eq=False, repr=False)
class Observed:
    """All that a port, a carrier and a neighbour recorded; no truth is in it or reachable from it.

    Attributes
    ----------
    encounters, documents, movements, manifests, status_events, watchlist : polars.DataFrame
        As the schemas of this module declare.
    templates : ndarray
        Shape (n, d), float32, C-contiguous, rows of unit length; memory-mapped where it comes from disk.
    about : mapping
        Plain facts that a port knows: first and last day, ``measure_from``, scenario's name.
    id : str
        Names the world: a hash of what was asked of the generator, the same on every machine. Records from
        elsewhere, or altered by hand, are `sealed` with a hash of their content; empty until then.
    """

    encounters: pl.DataFrame
    documents: pl.DataFrame
    movements: pl.DataFrame
    manifests: pl.DataFrame
    status_events: pl.DataFrame
    watchlist: pl.DataFrame
    templates: NDArray[np.float32]
    about: Mapping[str, Any]
    id: str = ""

    def __repr__(self) -> str:
        return f"<Observed {self.id or 'unsealed'}: {self.encounters.height:,} encounters>"

    @property
    def measure_from(self) -> datetime:
        """From when on what happens is counted: what came before only fills the galleries."""
        return datetime.fromisoformat(str(self.about["measure_from"]))

    @property
    def dimension(self) -> int:
        """Number of values in a template."""
        return int(self.templates.shape[1])

    def check(self) -> Observed:
        """Check every table, and every template row against the array."""
        for schema in SCHEMAS:
            schema.check(getattr(self, schema.name))
        _check_unread(self.encounters)
        count = len(self.templates)
        if self.templates.dtype != np.float32 or self.templates.ndim != 2:
            raise TableError(f"templates are {self.templates.dtype} of shape {self.templates.shape}")
        for schema in (ENCOUNTERS, DOCUMENTS, WATCHLIST):
            rows = getattr(self, schema.name)["template_row"]
            if len(rows) and not (rows.min() >= -1 and rows.max() < count):
                raise TableError(
                    f"table {schema.name!r} names template row {rows.max()}", allowed=f"-1 to {count - 1}"
                )
        return self

    def write(self, folder: Path) -> None:
        """Write tables and templates into ``folder`` (which `storage.new_folder` yielded)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.check()
        check_unit_rows(self.templates, "templates")
        for schema in SCHEMAS:
            storage.write_table(folder, schema, getattr(self, schema.name))
        target = folder / "templates.npy"
        templates = self.templates
        if isinstance(templates, np.memmap) and target.exists() and target.samefile(str(templates.filename)):
            templates.flush()  # the generator wrote them there already
        else:
            storage.write_array(target, templates)

    def sealed(self) -> Observed:
        """Give the same records named by their content, which a machine's arithmetic may turn."""
        hashes = {
            f"observed/{schema.name}.parquet": storage.table_digest(schema, getattr(self, schema.name))
            for schema in SCHEMAS
        }
        hashes["observed/templates.npy"] = storage.array_digest(self.templates)
        return replace(self, id=_name(hashes))

    @classmethod
    def read(cls, place: Path, contents: Mapping[str, Any]) -> Observed:
        """Read the ``observed/`` part of a world's folder that `storage.open_folder` has checked."""
        tables = {
            schema.name: storage.read_table(place, schema, contents, under="observed/") for schema in SCHEMAS
        }
        tables["encounters"] = _classed(tables["encounters"])
        name = "observed/templates.npy"
        templates, checked = storage.map_checked(place, name, contents, dtype=np.float32)
        if templates.ndim == 2:  # of another shape: refused below
            check_unit_rows(templates, str(place / name), _rows(templates, checked))
        return cls(
            **tables,
            templates=templates,
            about=contents["about"]["observed"],
            id=recorded_id(contents),
        ).check()


def check_unit_rows(templates: NDArray[np.float32], where: str, rows: Sequence[range] | None = None) -> None:
    """Refuse templates that are not finite or not of unit length (to `UNIT_TOLERANCE`).

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32.
    where : str
        How the message calls them.
    rows : sequence of range, optional
        The rows to look at; default: all.

    Raises
    ------
    TableError
        With the first such row.
    """
    step = max(1, _BLOCK_BYTES // max(1, 4 * templates.shape[1]))
    for part in [range(len(templates))] if rows is None else rows:
        for begin in range(part.start, part.stop, step):
            block = np.asarray(templates[begin : min(begin + step, part.stop)])
            squares = np.einsum("ij,ij->i", block, block)
            wrong = ~(np.abs(squares - 1.0) <= 2 * UNIT_TOLERANCE)  # NaN is wrong, too
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise TableError(
                    f"row {begin + row} of {where} has length {float(np.sqrt(squares[row])):.6g}",
                    allowed="finite templates of unit length",
                    remedy="scale each to unit length, and leave out those that have none",
                )


def _rows(templates: NDArray[np.float32], checked: Checked) -> list[range] | None:
    """Give the rows that lie wholly in the chunks that were hashed; None for all."""
    if checked.whole:
        return None
    width = max(1, 4 * templates.shape[1])
    found = []
    for number in checked.numbers:  # the header moves the rows by less than a row and a half
        first = -(-number * CHUNK // width)
        found.append(range(min(first, len(templates)), min((number + 1) * CHUNK // width, len(templates))))
    return found


def _check_unread(encounters: pl.DataFrame) -> None:
    """Refuse a record without a document unless a camera made it, and half of a document anywhere.

    Raises
    ------
    TableError
        With the first such encounter.
    """
    number, issuer = pl.col("document_number").is_null(), pl.col("document_issuer").is_null()
    captured = (pl.col("source") == "capture") & (pl.col("template_row") >= 0)
    lacks = number | issuer | pl.col("admission_class").is_null()
    wrong = encounters.filter((number != issuer) | (lacks & ~captured))
    if len(wrong):
        row = wrong.row(0, named=True)
        raise TableError(
            f"encounter {row['encounter_id']} (source {row['source']}) lacks a document or a class",
            allowed="a record without them only where its source is capture and it has a template",
            remedy="give document_number and document_issuer, and the class OTHER where it is not known",
        )


def _classed(encounters: pl.DataFrame) -> pl.DataFrame:
    """Give records with a document and no class of admission the class OTHER."""
    unknown = pl.col("admission_class").is_null() & pl.col("document_number").is_not_null()
    other = pl.lit("OTHER", dtype=pl.Enum(CLASSES))
    return encounters.with_columns(admission_class=pl.when(unknown).then(other).otherwise("admission_class"))


def recorded_id(contents: Mapping[str, Any]) -> str:
    """Give the id that a world's folder was written with; without one, a hash of ``observed/``.

    Whether the files are what was written is another question, which `storage.open_folder` answers.
    """
    written = contents["about"].get("world_id")
    if isinstance(written, str) and written:
        return written
    return _name(
        {name: entry["sha256"] for name, entry in contents["files"].items() if name.startswith("observed/")}
    )


def _name(hashes: Mapping[str, str]) -> str:
    lines = "".join(f"{name} {found}\n" for name, found in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def check_observed(given: object, call: str) -> None:
    """Refuse what is not a world's observed side, with the call that was meant.

    Raises
    ------
    WallError
        For a world or its truth: a system must not be able to reach the answers.
    TableError
        For anything else.
    """
    if isinstance(given, Observed):
        return
    is_world = isinstance(getattr(given, "observed", None), Observed)
    if is_world or type(given).__name__ == "Truth":
        raise WallError(
            "a world with its truth" if is_world else "a world's truth",
            allowed="world.observed: a system must not be able to reach the answers",
            remedy=f"write {call}",
        )
    raise TableError(f"a {type(given).__name__}", allowed="a world's observed side", remedy=f"write {call}")
