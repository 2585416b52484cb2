"""The document pass day by day: memory is bounded by open stays, history lies on disk.

In memory are the records of documents with an open stay and of the last few days. Whatever is settled is
written to an archive. A record that arrives late, or an exit whose document is not in memory, calls its
document's history back, and the links of that document are made again; so after any day the result is
that of one pass over everything received by then.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.linkage.documents import COLUMNS, link_documents
from biomatch.overstay.linkage.tables import LINKS, Links, cut_of
from biomatch.settings.system import LinkageSettings
from biomatch.tables.observed import DOCUMENT_KEY, ENCOUNTERS, MANIFESTS, MOVEMENTS
from biomatch.tables.produced import LINK_KINDS
from biomatch.tables.schema import Schema, Time

RECORDS = Schema("records", {name: ENCOUNTERS.columns[name] for name in COLUMNS})
UNREAD = Schema("unread", {"exit_id": pl.Int64, "exit_time": Time}, key=("exit_id",))
"""Captures without a document: no document can take them, so they wait in the archive for the faces."""
LINES = Schema("lines", {**MANIFESTS.columns, "scheduled": Time})
SETTLED = Schema(
    "settled",
    {
        "document_number": pl.String,
        "document_issuer": pl.String,
        "id": pl.Int64,
        "time": Time,
        "entry": pl.Boolean,  # True: a stay; False: an exit that no stay took
        "exit_id": pl.Int64,
        "exit_time": Time,
        "how_linked": pl.Enum(LINK_KINDS),
    },
    nullable=frozenset({"exit_time"}),
)
_RECENT_DAYS = 1.0  # beyond the manifest's wait: documents seen so recently stay in memory


class DailyLinker:
    """Links of a stream of records, one day after another.

    Parameters
    ----------
    folder : path
        An empty or new folder for the archive.
    settings : LinkageSettings, optional
        As for `link_documents`.

    Attributes
    ----------
    memory : polars.DataFrame
        Records in memory (schema ``RECORDS``).
    """

    def __init__(self, folder: str | Path, settings: LinkageSettings | None = None) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and any(self.folder.iterdir()):
            raise TableError(f"{self.folder} is not empty", remedy="give a new folder for the archive")
        for name in ("records", "lines", "settled", "unread"):
            (self.folder / name).mkdir(parents=True)
        self.settings = settings or LinkageSettings()
        self.memory = RECORDS.empty()
        self.lines = LINES.empty()
        self.day: date | None = None
        self._links = link_documents(self.memory, date.min)
        self._part = 0
        # Documents that were called back: what the archive holds of them up to a part is void.
        self._void = pl.DataFrame(schema={**dict.fromkeys(DOCUMENT_KEY, pl.String), "upto": pl.Int64})

    def advance(
        self,
        day: date,
        encounters: pl.DataFrame,
        manifests: pl.DataFrame | None = None,
        movements: pl.DataFrame | None = None,
    ) -> None:
        """Take in what was received on a day (or since the last one).

        Raises
        ------
        TableError
            For a day that is not later than the last one, or a record that was received after the day,
            before the last one, or before its own time.
        """
        if self.day is not None and day <= self.day:
            raise TableError(f"day {day} after {self.day}", allowed="days in order")
        given = encounters.select(COLUMNS)
        self._check(given, day)
        new = RECORDS.check(self._set_aside(given, day))
        new = new.filter(_matters())
        lines = self._lines_of(manifests, movements)
        since = cut_of(self.day) if self.day else None
        late = new if since is None else new.filter((pl.col("time") <= since) | ~_is_entry())
        known = late.join(self.memory.select(DOCUMENT_KEY).unique(), on=DOCUMENT_KEY, how="anti")
        behind = late if since is None else late.filter(pl.col("time") <= since)
        called = self._call_back(pl.concat([known, behind]).select(DOCUMENT_KEY).unique())
        self.memory = pl.concat([self.memory, called[0], new])
        self.lines = pl.concat([self.lines, called[1], lines])
        self.day = day
        self._links = self._pass(self.memory, self.lines)
        self._settle()

    def links(self) -> Links:
        """Give the links as of the last day, of memory and archive together.

        Returns
        -------
        Links
            As `link_documents` gives them, but for ``entry_row`` and ``exit_row``, which are -1: rows of
            a table that nobody holds.
        """
        archived = self._read("settled", SETTLED)
        held = _settled(self._links, self.memory)
        every = pl.concat([archived, held])
        following = pl.col("time").shift(-1).over(DOCUMENT_KEY)
        stays = (
            every.filter("entry").sort(*DOCUMENT_KEY, "time", "id").with_columns(next_entry_time=following)
            .select(
                entry_id="id",
                entry_row=pl.lit(-1, dtype=pl.Int64),
                entry_time="time",
                exit_id="exit_id",
                exit_row=pl.lit(-1, dtype=pl.Int64),
                exit_time="exit_time",
                next_entry_time="next_entry_time",
                # An archived stay may have been the last of its document when it was written.
                how_linked=pl.when((pl.col("how_linked") == "none") & pl.col("next_entry_time").is_not_null())
                .then(pl.lit("implied", dtype=pl.Enum(LINK_KINDS)))
                .otherwise("how_linked"),
            )
            .sort("entry_id")
        )  # fmt: skip
        strays = every.filter(~pl.col("entry")).select(
            exit_id="id",
            exit_row=pl.lit(-1, dtype=pl.Int64),
            exit_time="time",
            contradicted=pl.lit(False),
        )
        unread = self._unread().select(
            "exit_id",
            exit_row=pl.lit(-1, dtype=pl.Int64),
            exit_time="exit_time",
            contradicted=pl.lit(False),
        )
        strays = pl.concat([strays, unread]).sort("exit_id")
        return Links(LINKS.check(stays), strays, self._links.contradicted, {})

    def _set_aside(self, new: pl.DataFrame, day: date) -> pl.DataFrame:
        """Write captures without a document to the archive; give the other records."""
        without = pl.col("document_number").is_null() & (pl.col("source") == "capture")
        unread = new.filter(without & (pl.col("direction") == "exit"))
        if len(unread) and self.settings.use_captures:
            rows = UNREAD.check(unread.select(exit_id="encounter_id", exit_time="time"))
            rows.write_parquet(self.folder / "unread" / f"{day.isoformat()}.parquet")
        return new.filter(~without)

    def _unread(self) -> pl.DataFrame:
        files = sorted((self.folder / "unread").glob("*.parquet"))
        return pl.read_parquet(files, glob=False) if files else UNREAD.empty()

    def _check(self, new: pl.DataFrame, day: date) -> None:
        wrong = (pl.col("recorded_at") > cut_of(day)) | (pl.col("recorded_at") < pl.col("time"))
        if self.day is not None:
            wrong |= pl.col("recorded_at") <= cut_of(self.day)
        bad = new.filter(wrong)
        if len(bad):
            row = bad.row(0, named=True)
            raise TableError(
                f"encounter {row['encounter_id']} of {row['time']} was received at {row['recorded_at']}",
                allowed=f"after its own time and after {self.day}, by the end of {day}",
            )

    def _lines_of(self, manifests: pl.DataFrame | None, movements: pl.DataFrame | None) -> pl.DataFrame:
        if manifests is None or movements is None or not self.settings.use_manifest:
            return LINES.empty()
        leaving = movements.filter(pl.col("direction") == "exit").select("movement", "scheduled")
        return LINES.check(manifests.join(leaving, on="movement"))

    def _pass(self, records: pl.DataFrame, lines: pl.DataFrame) -> Links:
        if self.day is None:
            raise TableError("no day has begun", remedy="advance first")
        flights = lines.unique("movement").select(
            "movement",
            carrier=pl.lit(""),
            port=pl.lit(""),
            mode=pl.lit("air", dtype=MOVEMENTS.columns["mode"]),
            direction=pl.lit("exit", dtype=MOVEMENTS.columns["direction"]),
            scheduled="scheduled",
        )
        return link_documents(
            records,
            self.day,
            manifests=lines.drop("scheduled"),
            movements=flights,
            settings=self.settings,
        )

    def _settle(self) -> None:
        """Write to the archive what has no open stay and was not seen in the last few days."""
        if self.day is None:
            return
        recent = cut_of(self.day) - timedelta(days=self.settings.manifest_wait_days + _RECENT_DAYS)
        stays = self._links.stays
        open_rows = stays.filter(pl.col("how_linked") == "none")["entry_row"]
        keep = pl.concat(
            [
                self.memory[open_rows].select(DOCUMENT_KEY),
                self.memory.filter(pl.col("time") > recent).select(DOCUMENT_KEY),
            ]
        ).unique()
        done = self.memory.join(keep, on=DOCUMENT_KEY, how="anti")
        old = self.lines.filter(pl.col("scheduled") <= recent).join(keep, on=DOCUMENT_KEY, how="anti")
        if done.is_empty() and old.is_empty():
            return
        settled = _settled(self._links, self.memory).join(keep, on=DOCUMENT_KEY, how="anti")
        self._part += 1
        for name, frame in (("records", done), ("lines", old), ("settled", settled)):
            if len(frame):
                frame.with_columns(part=pl.lit(self._part, dtype=pl.Int64)).write_parquet(
                    self.folder / name / f"{self._part:06d}.parquet"
                )
        self.memory = self.memory.join(keep, on=DOCUMENT_KEY, how="semi", maintain_order="left")
        fresh = self.lines.filter(pl.col("scheduled") > recent)
        held = self.lines.filter(pl.col("scheduled") <= recent).join(keep, on=DOCUMENT_KEY, how="semi")
        self.lines = pl.concat([fresh, held])
        self._links = self._pass(self.memory, self.lines)

    def _call_back(self, documents: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Fetch the archived records and lines of some documents, and void what was settled of them."""
        if documents.is_empty() or not self._part:
            return RECORDS.empty(), LINES.empty()
        found = (
            self._read("records", RECORDS, documents),
            self._read("lines", LINES, documents),
        )
        void = documents.select(DOCUMENT_KEY).with_columns(upto=pl.lit(self._part, dtype=pl.Int64))
        earlier = self._void.join(void, on=DOCUMENT_KEY, how="anti")
        self._void = pl.concat([earlier, void])
        return found

    def _read(self, name: str, schema: Schema, documents: pl.DataFrame | None = None) -> pl.DataFrame:
        """Read what is valid in the archive, of some documents or of all."""
        files = sorted((self.folder / name).glob("*.parquet"))
        if not files:
            return schema.empty()
        rows = pl.scan_parquet(files, glob=False)
        if documents is not None:
            rows = rows.join(documents.lazy(), on=DOCUMENT_KEY, how="semi")
        rows = rows.join(self._void.lazy(), on=DOCUMENT_KEY, how="left")
        valid = pl.col("upto").is_null() | (pl.col("part") > pl.col("upto"))
        return rows.filter(valid).select(list(schema.columns)).collect()


def _matters() -> pl.Expr:
    """Leave out what the document pass never uses: it would only fill the memory."""
    arrival = (pl.col("source") == "manifest") & (pl.col("direction") == "entry")
    return (pl.col("admission_class") != "RESIDENT").fill_null(value=True) & ~arrival


def _is_entry() -> pl.Expr:
    return (pl.col("source") == "port") & (pl.col("direction") == "entry")


def _settled(links: Links, records: pl.DataFrame) -> pl.DataFrame:
    """Put stays and unlinked exits, with their documents, into one table."""
    papers = records.select(DOCUMENT_KEY)
    stays = pl.concat([papers[links.stays["entry_row"]], links.stays], how="horizontal").select(
        *DOCUMENT_KEY,
        id="entry_id",
        time="entry_time",
        entry=pl.lit(True),
        exit_id="exit_id",
        exit_time="exit_time",
        how_linked="how_linked",
    )
    strays = pl.concat(
        [papers[links.residual_exits["exit_row"]], links.residual_exits], how="horizontal"
    ).select(
        *DOCUMENT_KEY,
        id="exit_id",
        time="exit_time",
        entry=pl.lit(False),
        exit_id=pl.lit(-1, dtype=pl.Int64),
        exit_time=pl.lit(None, dtype=Time),
        how_linked=pl.lit("none", dtype=pl.Enum(LINK_KINDS)),
    )
    return SETTLED.check(pl.concat([stays, strays]))
