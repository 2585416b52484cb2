"""The exact document pass: entry, then the next exit on the same (number, issuer).

One sort by (document, time) and one row of look-ahead. Strings are sorted by a 64-bit hash, which is
several times faster; two documents with one hash are found by comparing neighbours, and then (never yet
seen) the pass sorts the strings themselves, so the result is exact either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.linkage.tables import CONTRADICTED, LINKS, RESIDUAL_EXITS, Links, cut_of
from biomatch.settings.system import LinkageSettings
from biomatch.tables.observed import DOCUMENT_KEY, MANIFESTS, MOVEMENTS
from biomatch.tables.observed import ENCOUNTERS as ENCOUNTER_SCHEMA
from biomatch.tables.produced import LINK_KINDS
from biomatch.tables.schema import Time

COLUMNS = (
    "encounter_id",
    "source",
    "time",
    "recorded_at",
    "direction",
    "document_number",
    "document_issuer",
    "admission_class",
)
"""The columns of the observed encounters that the pass reads."""

ENTRY, PORT_EXIT, NEIGHBOUR_EXIT, MANIFEST_EXIT, FACE_EXIT = 0, 1, 2, 3, 4
"""What a record is to the pass; ``FACE_EXIT``: a capture without a document, which no document can join."""
_UNREAD = ("document_number", "document_issuer", "admission_class")
_HOW = {PORT_EXIT: "document", NEIGHBOUR_EXIT: "neighbour", MANIFEST_EXIT: "manifest"}


@dataclass(frozen=True, eq=False)
class Events:
    """Usable records in the order of document, time, encounter_id.

    Attributes
    ----------
    rows : polars.Series
        Rows of the encounters.
    same : ndarray of bool
        Whether a record shares its document with the one before it.
    kind : ndarray of int8
        ``ENTRY``, ``PORT_EXIT``, ``NEIGHBOUR_EXIT`` or ``MANIFEST_EXIT``.
    time : ndarray of int64
        Milliseconds since 1970-01-01, UTC.
    """

    rows: pl.Series
    same: NDArray[np.bool_]
    kind: NDArray[np.int8]
    time: NDArray[np.int64]


_CHUNK = 4_000_000  # records that are ordered at once: bounds memory, changes nothing else


def link_documents(
    encounters: pl.DataFrame,
    as_of: date | datetime,
    *,
    manifests: pl.DataFrame | None = None,
    movements: pl.DataFrame | None = None,
    settings: LinkageSettings | None = None,
) -> Links:
    """Join entries to exits by document, with what had been received by a moment.

    Parameters
    ----------
    encounters : polars.DataFrame
        Observed encounters (at least `COLUMNS`), in any order.
    as_of : date or datetime
        Records received later are not used; a date stands for its whole day (UTC).
    manifests, movements : polars.DataFrame, optional
        As observed. A departure that a carrier declared closes a stay for which neither the port nor a
        neighbour recorded an exit, `manifest_wait_days` after its scheduled time.
    settings : LinkageSettings, optional
        `use_manifest`, `use_neighbour`, `use_captures`, `manifest_wait_days`.

    Returns
    -------
    Links
        Stays by entry_id. ``document``: the first exit that the port recorded after the entry and before
        the document's next entry; failing that ``neighbour`` (its record of a crossing is an exit of ours,
        whichever side its direction is told from) and then ``manifest``. ``implied``: none of these, but
        a next entry. ``none``: open. Exits that no stay took are residual. Residents have no stays, and
        their exits are not joined. A capture that is itself the record of an exit counts as the port's own
        record where the gate read a document; where it read none it is residual, for the faces to join.

    Raises
    ------
    TableError
        For a missing column, an empty cell (captures may lack a document and a class), or an encounter_id
        that occurs twice.

    Notes
    -----
    O(n log n) time. Equal times are ordered by encounter_id.
    """
    settings = settings or LinkageSettings()
    cut = cut_of(as_of)
    _check(encounters)
    codes, unused = _kinds(encounters, cut, settings)
    ripe = _milliseconds(cut) - int(settings.manifest_wait_days * 86_400_000)
    stays, strays = [], []
    for events in _events(encounters, codes):
        found, left = _pair(events, encounters, ripe)
        stays.append(found)
        strays.append(left)
    strays.append(_strays(encounters, (codes == FACE_EXIT).arg_true()))
    links = Links(_united(stays, "entry_id"), _united(strays, "exit_id"), CONTRADICTED.empty(), unused)
    if settings.use_manifest and manifests is not None and movements is not None:
        links = _close_by_manifest(links, encounters, manifests, movements, cut, settings.manifest_wait_days)
    return links


def _united(parts: list[pl.DataFrame], by: str) -> pl.DataFrame:
    """Put parts together in the order of a key, a column at a time (half the memory of one sort)."""
    columns = {name: [part[name] for part in parts] for name in parts[0].columns}
    parts.clear()
    order = pl.concat(columns[by]).arg_sort()
    names = list(columns)
    return pl.DataFrame([pl.concat(columns.pop(name)).gather(order).rename(name) for name in names])


def _check(encounters: pl.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in encounters.columns]
    if missing:
        raise TableError(
            f"encounters lack {', '.join(missing)}", allowed=", ".join(COLUMNS), remedy="add these columns"
        )
    for name in COLUMNS:
        if encounters.schema[name] != ENCOUNTER_SCHEMA.columns[name]:
            raise TableError(
                f"column {name!r} of the encounters has type {encounters.schema[name]}",
                allowed=str(ENCOUNTER_SCHEMA.columns[name]),
            )
        empty = encounters[name].is_null()
        if name in _UNREAD and empty.any():
            empty &= encounters["source"] != "capture"
        nulls = int(empty.sum())
        if nulls:
            row = int(empty.arg_max() or 0)
            raise TableError(
                f"column {name!r} of the encounters has {nulls} empty cells, the first in row {row}"
            )
    ids = encounters["encounter_id"]
    if ids.n_unique() != len(ids):
        row = int(ids.is_duplicated().arg_max() or 0)
        raise TableError(
            f"encounter_id {ids[row]} occurs more than once, first in row {row}",
            remedy="keep one row for each encounter",
        )


def _kinds(
    encounters: pl.DataFrame, cut: datetime, settings: LinkageSettings
) -> tuple[pl.Series, dict[str, int]]:
    """Say what each record is to the pass (negative: unused), and count what is unused."""
    source, direction = pl.col("source"), pl.col("direction")
    kind = (
        pl.when((source == "port") & (direction == "entry")).then(ENTRY)
        .when((source == "port") & (direction == "exit")).then(PORT_EXIT)
        .when((source == "capture") & (direction == "exit") & settings.use_captures).then(
            pl.when(pl.col("document_number").is_null()).then(FACE_EXIT).otherwise(PORT_EXIT)
        )
        .when((source == "neighbour") & settings.use_neighbour).then(NEIGHBOUR_EXIT)
        .when((source == "manifest") & (direction == "exit") & settings.use_manifest).then(MANIFEST_EXIT)
        .otherwise(-1)
        .cast(pl.Int8)
    )  # fmt: skip
    late = pl.col("recorded_at") > cut
    resident = (pl.col("admission_class") == "RESIDENT").fill_null(value=False)
    codes = encounters.select(
        pl.when(late).then(-2).when(resident).then(-3).otherwise(kind).cast(pl.Int8).alias("kind")
    )["kind"]
    counts = dict(codes.value_counts().iter_rows())
    unused = {"received_late": counts.get(-2, 0), "resident": counts.get(-3, 0), "other": counts.get(-1, 0)}
    return codes, unused


def _events(encounters: pl.DataFrame, codes: pl.Series) -> Iterator[Events]:
    """Order the used records by document, a share of the documents at a time (which bounds memory)."""
    shares = max(1, -(-len(encounters) // _CHUNK))
    key = encounters.select(pl.col("document_number").hash(1) ^ pl.col("document_issuer").hash(2)).to_series()
    share = (key % shares).cast(pl.UInt16)
    for number in range(shares):
        rows = ((codes >= 0) & (codes != FACE_EXIT) & (share == number)).arg_true()
        columns = encounters.select("time", "encounter_id")[rows].with_columns(document=key.gather(rows))
        ordered, same = _order(rows, columns)
        if _collides(ordered, same, encounters):
            papers = encounters.select(pl.struct(DOCUMENT_KEY))[rows].to_series()
            ordered, same = _order(rows, columns.with_columns(document=papers.rank("dense")))
        yield Events(
            ordered,
            same,
            codes.gather(ordered).to_numpy(),
            encounters["time"].gather(ordered).to_physical().to_numpy(),
        )


def _order(rows: pl.Series, keyed: pl.DataFrame) -> tuple[pl.Series, NDArray[np.bool_]]:
    """Order rows by document, time, encounter_id; say which share their document with the one before."""
    order = keyed.select(pl.arg_sort_by("document", "time", "encounter_id")).to_series()
    same = keyed["document"].gather(order)
    return rows.gather(order), (same == same.shift(1)).fill_null(False).to_numpy()


def _collides(rows: pl.Series, same: NDArray[np.bool_], encounters: pl.DataFrame) -> bool:
    """Say whether neighbours with one hash are two documents (then the hash cannot be used)."""
    for name in DOCUMENT_KEY:
        values = encounters[name].gather(rows)
        if ((values != values.shift(1)).fill_null(False).to_numpy() & same).any():
            return True
    return False


def _pair(events: Events, encounters: pl.DataFrame, ripe: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Look one row ahead: each entry opens a segment that ends at its document's next entry."""
    rows, kind, time = events.rows, events.kind, events.time
    ids = encounters["encounter_id"]
    opens = (kind == ENTRY) | ~events.same
    segment = np.cumsum(opens, dtype=np.int32) - 1
    first = np.flatnonzero(opens)
    has_entry = kind[first] == ENTRY
    goes_on = np.zeros(len(first), dtype=bool)  # the same document enters again after this segment
    goes_on[:-1] = events.same[first[1:]]
    chosen = np.full(len(first), -1, dtype=np.int64)
    how = np.full(len(first), LINK_KINDS.index("none"), dtype=np.uint8)
    how[has_entry & goes_on] = LINK_KINDS.index("implied")
    for level, name in _HOW.items():
        at = np.flatnonzero((kind == level) & ((level != MANIFEST_EXIT) | (time <= ripe)))
        where = segment[at]
        leads = np.ones(len(at), dtype=bool)
        np.not_equal(where[1:], where[:-1], out=leads[1:])
        at, where = at[leads], where[leads]
        free = chosen[where] < 0
        at, where = at[free], where[free]
        chosen[where] = at
        how[where[has_entry[where]]] = LINK_KINDS.index(name)
    del segment
    # Port exits that no stay took are residual; a neighbour's or a manifest's record only where it is the
    # one trace of a departure (in a segment without entry), never as an echo of another record.
    left = kind == PORT_EXIT
    picked = chosen >= 0
    left[chosen[has_entry & picked]] = False
    left[chosen[~has_entry & picked]] = True
    stray = rows.gather(np.flatnonzero(left))
    del left
    begin, end, found = rows.gather(first[has_entry]), chosen[has_entry], picked[has_entry]
    follow = np.zeros(len(first), dtype=np.int64)
    follow[:-1] = time[first[1:]]
    end_row = rows.gather(end[found])
    stays = pl.DataFrame(
        {
            "entry_id": ids.gather(begin),
            "entry_row": begin.cast(pl.Int64),
            "entry_time": pl.Series(time[first[has_entry]]).cast(Time),
            "exit_id": _placed(found, ids.gather(end_row)),
            "exit_row": _placed(found, end_row),
            "exit_time": _times(time[end], found),
            "next_entry_time": _times(follow[has_entry], goes_on[has_entry]),
            "how_linked": _enum(how[has_entry]),
        },
        schema=dict(LINKS.columns),
    )
    return stays, _strays(encounters, stray)


def _strays(encounters: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """Make residual exits of some rows of the encounters."""
    return pl.DataFrame(
        {
            "exit_id": encounters["encounter_id"].gather(rows),
            "exit_row": rows.cast(pl.Int64),
            "exit_time": encounters["time"].gather(rows),
            "contradicted": np.zeros(len(rows), dtype=bool),
        },
        schema=dict(RESIDUAL_EXITS.columns),
    )


def _placed(where: NDArray[np.bool_], values: pl.Series) -> NDArray[np.int64]:
    """Spread values over the true places of a mask, -1 elsewhere."""
    out = np.full(len(where), -1, dtype=np.int64)
    out[where] = values.to_numpy()
    return out


def _milliseconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1)) / timedelta(milliseconds=1))  # noqa: DTZ001 - tables hold UTC without a zone


def _times(values: NDArray[np.int64], known: NDArray[np.bool_]) -> pl.Series:
    """Make a column of times with nulls where nothing is known."""
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values, dtype=pl.Int64)).cast(Time)).to_series()


def _enum(codes: NDArray[np.uint8]) -> pl.Series:
    return (
        pl.Series(codes)
        .cast(pl.UInt32)
        .replace_strict(list(range(len(LINK_KINDS))), list(LINK_KINDS), return_dtype=pl.Enum(LINK_KINDS))
    )


def _close_by_manifest(
    links: Links,
    encounters: pl.DataFrame,
    manifests: pl.DataFrame,
    movements: pl.DataFrame,
    cut: datetime,
    wait_days: float,
) -> Links:
    """Close what is still open by a departure that a carrier declared between entry and next entry."""
    declared = (
        MANIFESTS.check(manifests).lazy()
        .filter(pl.col("received_at") <= cut)
        .join(
            MOVEMENTS.check(movements).lazy().filter(
                (pl.col("direction") == "exit") & (pl.col("scheduled") <= cut - timedelta(days=wait_days))
            ),
            on="movement",
        )
        .select("document_number", "document_issuer", "scheduled")
    )  # fmt: skip
    open_ = links.residual_entries
    papers = encounters.select("document_number", "document_issuer")[open_["entry_row"]]
    closed = (
        pl.concat([open_, papers], how="horizontal").lazy()
        .join(declared, on=DOCUMENT_KEY)
        .filter(
            (pl.col("scheduled") > pl.col("entry_time"))
            & (pl.col("next_entry_time").is_null() | (pl.col("scheduled") < pl.col("next_entry_time")))
        )
        .group_by("entry_id").agg(pl.col("scheduled").min())
        .collect()
    )  # fmt: skip
    stays = links.stays.join(closed, on="entry_id", how="left", maintain_order="left").with_columns(
        exit_time=pl.coalesce("exit_time", "scheduled"),
        how_linked=pl.when(pl.col("scheduled").is_not_null())
        .then(pl.lit("manifest", dtype=pl.Enum(LINK_KINDS)))
        .otherwise("how_linked"),
    )
    return links.with_(stays=stays.drop("scheduled"))
