"""What has probably become of each stay: P(departed), P(overstay), P(sham exit) over all assignments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.evidence.recalibrate import Recalibration
from biomatch.overstay.linkage.calibrate import DAY_MS, Calibration
from biomatch.overstay.linkage.departures import UnrecordedDepartures
from biomatch.overstay.linkage.faces import PairScorer
from biomatch.overstay.linkage.ghosts import ghost_share
from biomatch.overstay.linkage.overdue import OverdueStays
from biomatch.overstay.linkage.spread import RateSpread
from biomatch.overstay.linkage.tables import Links, cut_of
from biomatch.tables.observed import Observed
from biomatch.tables.schema import Time
from biomatch.tables.zones import utc_times, zones_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def posteriors(
    observed: Observed,
    before: Links,
    edges: pl.DataFrame,
    known: Calibration,
    as_of: date | datetime,
    last_days: pl.DataFrame | None,
    scorer: PairScorer,
    recalibration: Recalibration,
) -> tuple[pl.DataFrame, RateSpread]:
    """Sum over what may have become of each stay.

    Parameters
    ----------
    observed : Observed
        What the system may see.
    before : Links
        The state that the edges start from: after the face check.
    edges : polars.DataFrame
        Schema ``EDGES`` and ``probability``.
    known : Calibration
        What evidence is worth.
    as_of : date or datetime
        Nothing received later is used.
    last_days : polars.DataFrame or None
        As `link` takes it.
    scorer : callable
        Pairwise comparison.
    recalibration : Recalibration
        Moves P(departed) of overdue stays without any record, before everything is summed: so the three
        ends of such a stay (linked, gone unseen, still here) add up to 1 as they did.

    Returns
    -------
    tuple of polars.DataFrame and RateSpread
        Row by row as ``before.stays``: p_departed, p_overstay (null: no last lawful day is known),
        p_sham_exit; and what moves these posteriors together.
    """
    encounters, stays = observed.encounters, before.stays
    n = len(stays)
    cut = cut_of(as_of)
    entry_row, start = stays["entry_row"], stays["entry_time"]
    deadlines = _Deadlines.of(observed, stays, last_days)
    port, every = encounters["port"], np.arange(n)
    lawful, unknown = deadlines.days(every, port[entry_row]), deadlines.unknown
    waited = _since(start, pl.Series([cut]).cast(Time))
    place = pl.Series("entry_id", stays["entry_id"]).to_frame().with_row_index("at")

    # Links of the document pass, and the chance that who left is not who entered.
    closed = (~stays["how_linked"].is_in(["none", "implied"])).to_numpy()
    out = _since(start, stays["exit_time"])
    sham = np.where(closed, _sham_odds(observed, stays, known, scorer), 0.0)
    # A stay that only a manifest's line closed may have gone on: then it is one without a record.
    by_line = ((stays["how_linked"] == "manifest") & (stays["exit_id"] < 0)).to_numpy()
    doubt = np.where(by_line, ghost_share(observed, stays, as_of) if by_line.any() else 0.0, sham)
    sham = np.where(by_line, 0.0, sham)
    departed = np.where(closed, 1.0 - doubt, 0.0)
    row = stays["exit_row"].to_numpy()
    left_from = port[np.where(row >= 0, row, entry_row.to_numpy())]
    late = np.where(closed & (out > deadlines.days(every, left_from)), departed, 0.0)

    # Residual links: exits, and next entries on other documents.
    to = edges.filter(pl.col("kind") != "return").join(
        place.rename({"entry_id": "left"}), on="left", how="inner", maintain_order="left"
    )
    at, p = to["at"].to_numpy(), to["probability"].to_numpy()
    when = _since(encounters["time"][to["left_row"]], encounters["time"][to["right_row"]])
    known_by = _since(encounters["time"][to["left_row"]], encounters["recorded_at"][to["right_row"]])
    leaves = (to["kind"] != "next_entry").to_numpy()
    by_exit, by_return = np.bincount(at, p * leaves, n), np.bincount(at, p * ~leaves, n)
    sure = np.clip(by_exit + by_return, 0.0, 1.0)
    mean = np.maximum(by_exit, 1e-12)
    exit_days = np.bincount(at, p * leaves * when, n) / mean
    exit_known = np.bincount(at, p * leaves * known_by, n) / mean
    late += np.bincount(at, p * (leaves & (when > deadlines.days(at, port[to["right_row"]]))), n)

    groups = _groups(encounters, entry_row)
    again = stays["next_entry_time"].is_not_null()
    end = stays["next_entry_time"].fill_null(pl.lit(cut, dtype=Time))
    likely = by_exit > 0.5
    received = np.where(closed, _received(encounters, stays, start), exit_known)
    model = UnrecordedDepartures.fit(
        pl.DataFrame(
            {
                "group": groups,
                "days": np.where(closed, out, np.where(likely, exit_days, waited)),
                "closed": np.where(closed, 1.0, by_exit),
                "again": again,
                "after": (end - stays["exit_time"]).dt.total_milliseconds() / DAY_MS,
            }
        )
    )
    tardy_by_return = 1.0 - model.in_time(groups[at], when, lawful[at])
    late += np.bincount(at, p * ~leaves * tardy_by_return, n)

    # What is left: gone without a record, or still here.
    contradicted = stays["entry_id"].is_in(before.contradicted["entry_id"].implode()).to_numpy()
    has_exit = closed | likely
    mode = encounters["mode"].cast(pl.String)[entry_row]
    admission = encounters["admission_class"].cast(pl.String)[entry_row]
    not_back = model.not_back(groups, waited)
    over = waited - lawful
    overdue_stays = OverdueStays.fit(
        pl.DataFrame(
            {
                "mode": mode,
                "class": admission,
                "over": over,
                "exit_over": np.where(has_exit, np.where(closed, out, exit_days) - lawful, np.nan),
                "received_over": np.where(has_exit, received - lawful, np.nan),
                "closed": np.where(closed, 1.0, sure),
                "again": again,
                "away": not_back,
            }
        )
        .with_columns(pl.col("exit_over", "received_over").fill_nan(None))
        .filter(~pl.Series(contradicted))
    )
    implied = (stays["how_linked"] == "implied").to_numpy()
    horizon = np.where(implied, _since(start, stays["next_entry_time"]), waited)
    overdue = over > 0
    gone = model.departed(groups, waited)
    rows = np.flatnonzero(overdue)
    gone[rows] = recalibration.apply(
        overdue_stays.departed(mode[rows], admission[rows], over[rows], not_back[rows])
    )
    gone = np.where(implied, 1.0 - known.sham_rate, gone)
    # Who lends a document for a sham exit means to stay.
    gone = np.where(contradicted & ~implied, 0.0, gone)
    tardy = np.where(implied, 1.0 - model.in_time(groups, horizon, lawful), overdue_stays.left_late(over))
    rest = np.where(closed, doubt, 1.0 - sure)
    gone = np.where(closed & ~by_line, 0.0, gone)
    departed += np.where(closed, 0.0, sure) + rest * gone
    late += rest * (gone * np.where(horizon > lawful, tardy, 0.0) + (1.0 - gone) * overdue)
    own = to.filter(pl.col("kind") == "own_document")
    kept = np.bincount(own["at"].to_numpy(), own["probability"].to_numpy(), n)
    sham = np.where(contradicted, np.clip(1.0 - kept, 0.0, 1.0), sham)
    fixed = implied | contradicted | (closed & ~by_line)
    moves = np.where(fixed, 0.0, rest * (np.where(horizon > lawful, tardy, 0.0) - 1.0))[rows]
    spread = RateSpread(
        overdue_stays,
        rows,
        mode[rows],
        admission[rows],
        over[rows],
        not_back[rows],
        recalibration.slope * moves,
    )
    found = pl.DataFrame(
        {
            "p_departed": np.clip(departed, 0.0, 1.0),
            "p_overstay": pl.Series(np.where(unknown, np.nan, np.clip(late, 0.0, 1.0))).fill_nan(None),
            "p_sham_exit": sham,
        }
    )
    return found, spread


@dataclass(frozen=True, eq=False)
class _Deadlines:
    """When each stay ceases to be lawful: as its last lawful day ends at the port of departure."""

    start: pl.Series
    last: pl.Series  # null: unknown
    unknown: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    zones: dict[str, str]

    @classmethod
    def of(cls, observed: Observed, stays: pl.DataFrame, last_days: pl.DataFrame | None) -> _Deadlines:
        settled = np.zeros(len(stays), dtype=np.bool_)
        if last_days is None:
            last = observed.encounters["permitted_until"][stays["entry_row"]]
        else:
            joined = stays.join(last_days, on="entry_id", how="left", maintain_order="left")
            last = joined["last_lawful_day"]
            if "settled" in joined.columns:
                settled = joined["settled"].fill_null(value=False).to_numpy()
        unknown = last.is_null().to_numpy()
        return cls(stays["entry_time"], last, unknown, settled, zones_of(observed.about))

    def days(self, stays: Ints, ports: pl.Series) -> Floats:
        """Give days from entries to the end of their last lawful days at ports (infinite: none)."""
        day = timedelta(days=1)
        midnight = utc_times(self.last[stays].cast(Time) + day, ports, self.zones)
        lawful = _since(self.start[stays], midnight - day) + 1.0
        return np.where((self.unknown | self.settled)[stays], np.inf, lawful)


def _since(start: pl.Series, end: pl.Series) -> Floats:
    """Give days from one time to the other, 0 where one is unknown."""
    return (end - start).dt.total_milliseconds().fill_null(0).to_numpy() / DAY_MS


def _received(encounters: pl.DataFrame, stays: pl.DataFrame, start: pl.Series) -> Floats:
    """Give days from the entry to the receipt of the exit's record; of a manifest's line, to the exit."""
    row = stays["exit_row"].to_numpy()
    by_record = _since(start, encounters["recorded_at"][np.maximum(row, 0)])
    return np.where(row >= 0, by_record, _since(start, stays["exit_time"]))


def _groups(encounters: pl.DataFrame, rows: pl.Series) -> pl.Series:
    return encounters.select(
        pl.concat_str(
            pl.col("mode").cast(pl.String), pl.col("admission_class").cast(pl.String), separator=" "
        )
    ).to_series()[rows]


def _sham_odds(observed: Observed, stays: pl.DataFrame, known: Calibration, scorer: PairScorer) -> Floats:
    """Give P(another person left) of each document pair: the prior share, and both faces where known."""
    rows = observed.encounters["template_row"].to_numpy()
    quality = observed.encounters["quality"].cast(pl.Float64).fill_null(1.0).to_numpy()
    entry, leave = stays["entry_row"].to_numpy(), stays["exit_row"].to_numpy()
    both = np.flatnonzero((leave >= 0) & (rows[entry] >= 0) & (rows[np.maximum(leave, 0)] >= 0))
    ratio = np.zeros(len(stays))
    if known.face is not None and len(both):
        score = scorer(observed.templates, rows[entry[both]], rows[leave[both]])
        worst = np.minimum(quality[entry[both]], quality[leave[both]])
        ratio[both] = known.face.llr(score, worst)
    odds = portable.log((1 - known.sham_rate) / known.sham_rate) + ratio
    return np.asarray(1.0 / (1.0 + portable.exp(np.clip(odds, -500, 500))))
