"""What has probably become of each stay: P(departed), P(overstay), P(sham exit) over all assignments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from biomatch import portable
from biomatch.evidence.recalibrate import Recalibration
from biomatch.overstay.linkage.calibrate import DAY_MS, Calibration
from biomatch.overstay.linkage.faces import PairScorer
from biomatch.overstay.linkage.posteriors.departures import UnrecordedDepartures
from biomatch.overstay.linkage.posteriors.ghosts import ghost_share
from biomatch.overstay.linkage.posteriors.overdue import OverdueStays
from biomatch.overstay.linkage.posteriors.spread import RateSpread
from biomatch.overstay.linkage.tables import Links, cut_of
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.tables.observed import Observed
from biomatch.tables.schema import Time
from biomatch.tables.zones import utc_times, zones_of


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
    stays = _Stays.of(observed, before, as_of, last_days)
    closed = _closed(stays, known, scorer, as_of)
    linked = _linked(stays, edges)
    unrecorded = _unrecorded(stays, closed, linked, known, recalibration)
    return _combined(stays, closed, linked, unrecorded, recalibration)


@dataclass(frozen=True, eq=False)
class _Stays:
    """What every step asks of the stays; arrays of shape (n,), days from each entry."""

    observed: Observed
    stays: pl.DataFrame
    deadlines: _Deadlines
    lawful: Floats  # to the end of the last lawful day at the port of entry
    waited: Floats  # to the day as of which is asked
    cut: datetime
    contradicted: Bools
    implied: Bools

    @classmethod
    def of(
        cls, observed: Observed, before: Links, as_of: date | datetime, last_days: pl.DataFrame | None
    ) -> _Stays:
        stays, cut = before.stays, cut_of(as_of)
        deadlines = _Deadlines.of(observed, stays, last_days)
        ports = observed.encounters["port"][stays["entry_row"]]
        return cls(
            observed=observed,
            stays=stays,
            deadlines=deadlines,
            lawful=deadlines.days(np.arange(len(stays)), ports),
            waited=_since(stays["entry_time"], pl.Series([cut]).cast(Time)),
            cut=cut,
            contradicted=stays["entry_id"].is_in(before.contradicted["entry_id"].implode()).to_numpy(),
            implied=(stays["how_linked"] == "implied").to_numpy(),
        )

    @property
    def over(self) -> Floats:
        return self.waited - self.lawful


@dataclass(frozen=True, eq=False)
class _Closed:
    """Stays that the document pass closed; arrays of shape (n,), zeros for others."""

    is_closed: Bools
    by_line: Bools  # by a manifest's line alone: who is on it may have gone on
    out: Floats  # days from the entry to the exit
    doubt: Floats  # P(who left is not who entered)
    sham: Floats
    departed: Floats
    late: Floats

    @property
    def settled(self) -> Bools:
        return self.is_closed & ~self.by_line


def _closed(stays: _Stays, known: Calibration, scorer: PairScorer, as_of: date | datetime) -> _Closed:
    """Weigh the links of the document pass, and the chance that who left is not who entered."""
    observed, frame = stays.observed, stays.stays
    closed = (~frame["how_linked"].is_in(["none", "implied"])).to_numpy()
    out = _since(frame["entry_time"], frame["exit_time"])
    sham = np.where(closed, _sham_odds(observed, frame, known, scorer), 0.0)
    # A stay that only a manifest's line closed may have gone on: then it is one without a record.
    by_line = ((frame["how_linked"] == "manifest") & (frame["exit_id"] < 0)).to_numpy()
    doubt = np.where(by_line, ghost_share(observed, frame, as_of) if by_line.any() else 0.0, sham)
    departed = np.where(closed, 1.0 - doubt, 0.0)
    row = frame["exit_row"].to_numpy()
    left_from = observed.encounters["port"][np.where(row >= 0, row, frame["entry_row"].to_numpy())]
    deadline = stays.deadlines.days(np.arange(len(frame)), left_from)
    return _Closed(
        is_closed=closed,
        by_line=by_line,
        out=out,
        doubt=doubt,
        sham=np.where(by_line, 0.0, sham),
        departed=departed,
        late=np.where(closed & (out > deadline), departed, 0.0),
    )


@dataclass(frozen=True, eq=False)
class _Linked:
    """Residual links of stays: of shape (n,) by stay, of shape (e,) by link.

    By link: the stay, the probability, whether it is an exit (else a next entry on another document), days.
    """

    at: Ints
    p: Floats
    leaves: Bools
    when: Floats
    by_exit: Floats
    sure: Floats
    exit_days: Floats
    exit_known: Floats
    late: Floats
    kept: Floats  # P(the exit on the stay's own document is the traveller's)

    @property
    def likely(self) -> Bools:
        return self.by_exit > 0.5


def _linked(stays: _Stays, edges: pl.DataFrame) -> _Linked:
    """Weigh exits and next entries that the document pass did not link."""
    encounters, n = stays.observed.encounters, len(stays.stays)
    place = pl.Series("entry_id", stays.stays["entry_id"]).to_frame().with_row_index("at")
    to = edges.filter(pl.col("kind") != "return").join(
        place.rename({"entry_id": "left"}), on="left", how="inner", maintain_order="left"
    )
    at, p = to["at"].to_numpy(), to["probability"].to_numpy()
    when = _since(encounters["time"][to["left_row"]], encounters["time"][to["right_row"]])
    known_by = _since(encounters["time"][to["left_row"]], encounters["recorded_at"][to["right_row"]])
    leaves = (to["kind"] != "next_entry").to_numpy()
    by_exit, by_return = _sums(at, p * leaves, n), _sums(at, p * ~leaves, n)
    mean = np.maximum(by_exit, 1e-12)
    deadline = stays.deadlines.days(at, encounters["port"][to["right_row"]])
    own = to.filter(pl.col("kind") == "own_document")
    return _Linked(
        at=at,
        p=p,
        leaves=leaves,
        when=when,
        by_exit=by_exit,
        sure=np.clip(by_exit + by_return, 0.0, 1.0),
        exit_days=_sums(at, p * leaves * when, n) / mean,
        exit_known=_sums(at, p * leaves * known_by, n) / mean,
        late=_sums(at, p * (leaves & (when > deadline)), n),
        kept=_sums(own["at"].to_numpy(), own["probability"].to_numpy(), n),
    )


@dataclass(frozen=True, eq=False)
class _Unrecorded:
    """What is left: gone without a record, or still here; arrays of shape (n,)."""

    gone: Floats  # P(departed) of a stay that nothing closed
    tardy: Floats  # P(left too late | left unseen)
    horizon: Floats  # days within which an unseen departure fell
    late_by_return: Floats
    overdue: OverdueStays
    mode: pl.Series
    admission: pl.Series
    away: Floats


def _unrecorded(
    stays: _Stays, closed: _Closed, linked: _Linked, known: Calibration, recalibration: Recalibration
) -> _Unrecorded:
    """Learn from the closed stays how long others take, and what an overdue stay without a record is."""
    encounters, frame = stays.observed.encounters, stays.stays
    groups = _groups(encounters, frame["entry_row"])
    mode = encounters["mode"].cast(pl.String)[frame["entry_row"]]
    admission = encounters["admission_class"].cast(pl.String)[frame["entry_row"]]
    model = _departures(stays, closed, linked, groups)
    away, over = model.not_back(groups, stays.waited), stays.over
    overdue = _overdue(stays, closed, linked, mode, admission, away)
    horizon = np.where(stays.implied, _since(frame["entry_time"], frame["next_entry_time"]), stays.waited)
    gone = model.departed(groups, stays.waited)
    rows = np.flatnonzero(over > 0)
    gone[rows] = recalibration.apply(overdue.departed(mode[rows], admission[rows], over[rows], away[rows]))
    gone = np.where(stays.implied, 1.0 - known.sham_rate, gone)
    # Who lends a document for a sham exit means to stay.
    gone = np.where(stays.contradicted & ~stays.implied, 0.0, gone)
    in_time = model.in_time(groups, horizon, stays.lawful)
    at = linked.at
    tardy_by_return = 1.0 - model.in_time(groups[at], linked.when, stays.lawful[at])
    return _Unrecorded(
        gone=np.where(closed.settled, 0.0, gone),
        tardy=np.where(stays.implied, 1.0 - in_time, overdue.left_late(over)),
        horizon=horizon,
        late_by_return=_sums(at, linked.p * ~linked.leaves * tardy_by_return, len(frame)),
        overdue=overdue,
        mode=mode,
        admission=admission,
        away=away,
    )


def _departures(stays: _Stays, closed: _Closed, linked: _Linked, groups: pl.Series) -> UnrecordedDepartures:
    """Fit how long stays of each group last."""
    frame = stays.stays
    end = frame["next_entry_time"].fill_null(pl.lit(stays.cut, dtype=Time))
    likely = np.where(linked.likely, linked.exit_days, stays.waited)
    return UnrecordedDepartures.fit(
        pl.DataFrame(
            {
                "group": groups,
                "days": np.where(closed.is_closed, closed.out, likely),
                "closed": np.where(closed.is_closed, 1.0, linked.by_exit),
                "again": frame["next_entry_time"].is_not_null(),
                "after": (end - frame["exit_time"]).dt.total_milliseconds() / DAY_MS,
            }
        )
    )


def _overdue(
    stays: _Stays, closed: _Closed, linked: _Linked, mode: pl.Series, admission: pl.Series, away: Floats
) -> OverdueStays:
    """Fit the rates of missed records and of overstaying."""
    frame, lawful = stays.stays, stays.lawful
    has_exit = closed.is_closed | linked.likely
    out = np.where(closed.is_closed, closed.out, linked.exit_days)
    by_record = _received(stays.observed.encounters, frame, frame["entry_time"])
    received = np.where(closed.is_closed, by_record, linked.exit_known)
    return OverdueStays.fit(
        pl.DataFrame(
            {
                "mode": mode,
                "class": admission,
                "over": stays.over,
                "exit_over": np.where(has_exit, out - lawful, np.nan),
                "received_over": np.where(has_exit, received - lawful, np.nan),
                "closed": np.where(closed.is_closed, 1.0, linked.sure),
                "again": frame["next_entry_time"].is_not_null(),
                "away": away,
            }
        )
        .with_columns(pl.col("exit_over", "received_over").fill_nan(None))
        .filter(~pl.Series(stays.contradicted))
    )


def _combined(
    stays: _Stays, closed: _Closed, linked: _Linked, unrecorded: _Unrecorded, recalibration: Recalibration
) -> tuple[pl.DataFrame, RateSpread]:
    """Add up the ends of each stay: linked, gone unseen, still here."""
    over, rows = stays.over, np.flatnonzero(stays.over > 0)
    gone, tardy = unrecorded.gone, unrecorded.tardy
    rest = np.where(closed.is_closed, closed.doubt, 1.0 - linked.sure)
    too_late = np.where(unrecorded.horizon > stays.lawful, tardy, 0.0)
    departed = closed.departed + (np.where(closed.is_closed, 0.0, linked.sure) + rest * gone)
    late = closed.late + linked.late
    late += unrecorded.late_by_return
    late += rest * (gone * too_late + (1.0 - gone) * (over > 0))
    sham = np.where(stays.contradicted, np.clip(1.0 - linked.kept, 0.0, 1.0), closed.sham)
    fixed = stays.implied | stays.contradicted | closed.settled
    moves = np.where(fixed, 0.0, rest * (too_late - 1.0))[rows]
    spread = RateSpread(
        unrecorded.overdue,
        rows,
        unrecorded.mode[rows],
        unrecorded.admission[rows],
        over[rows],
        unrecorded.away[rows],
        recalibration.slope * moves,
    )
    overstay = np.where(stays.deadlines.unknown, np.nan, np.clip(late, 0.0, 1.0))
    found = pl.DataFrame(
        {
            "p_departed": np.clip(departed, 0.0, 1.0),
            "p_overstay": pl.Series(overstay).fill_nan(None),
            "p_sham_exit": sham,
        }
    )
    return found, spread


@dataclass(frozen=True, eq=False)
class _Deadlines:
    """When each stay ceases to be lawful: as its last lawful day ends at the port of departure."""

    start: pl.Series
    last: pl.Series  # null: unknown
    unknown: Bools
    settled: Bools
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


def _sums(at: Ints, weight: Floats, n: int) -> Floats:
    return np.asarray(np.bincount(at, weight, n), dtype=np.float64)


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
