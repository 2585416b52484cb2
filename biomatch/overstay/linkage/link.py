"""Linkage as the system calls it: documents, faces, residual assignment, and a posterior for each stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evidence.recalibrate import Recalibration
from biomatch.overstay.linkage.assignment import assign
from biomatch.overstay.linkage.calibrate import DAY_MS, Calibration, calibrate
from biomatch.overstay.linkage.departures import UnrecordedDepartures
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.faces import PairScorer, check_faces, score_rows
from biomatch.overstay.linkage.ghosts import ghost_share
from biomatch.overstay.linkage.marginals import edge_probabilities
from biomatch.overstay.linkage.residual import EDGES, Residual, residual_edges
from biomatch.overstay.linkage.tables import LINKS, Links, cut_of
from biomatch.policy import OperatingPoint
from biomatch.tables.observed import Observed
from biomatch.tables.produced import LINK_KINDS
from biomatch.tables.schema import Schema, Time

Floats = NDArray[np.float64]

LINKED = Schema(
    "linked",
    {
        **LINKS.columns,
        "p_departed": pl.Float64,
        "p_overstay": pl.Float64,  # null: no last lawful day is known
        "p_sham_exit": pl.Float64,
    },
    nullable=frozenset({*LINKS.nullable, "p_overstay"}),
    key=("entry_id",),
)


@dataclass(frozen=True, eq=False)
class Linked:
    """Stays with links and posteriors.

    Attributes
    ----------
    stays : polars.DataFrame
        Schema ``LINKED``, sorted by entry_id.
    links : Links
        Stays as linked (schema ``LINKS``), exits that stayed unlinked, pairs that faces contradict.
    edges : polars.DataFrame
        Schema ``EDGES`` and ``probability``: every edge that was weighed.
    objective : float
        Sum of the log odds of the chosen edges.
    notes : dict of str to str
        Shares that were estimated, and what was left out.
    """

    stays: pl.DataFrame
    links: Links
    edges: pl.DataFrame
    objective: float
    notes: dict[str, str] = field(default_factory=dict)


def link(
    observed: Observed,
    as_of: date | datetime,
    point: OperatingPoint,
    *,
    documents: Links | None = None,
    last_days: pl.DataFrame | None = None,
    known: Calibration | None = None,
    recalibration: Recalibration | None = None,
    scorer: PairScorer = score_rows,
) -> Linked:
    """Link the stays of a world as of a date, with the method of the point's system.

    Parameters
    ----------
    observed : Observed
        What the system may see.
    as_of : date or datetime
        Nothing received later is used.
    point : OperatingPoint
        Face threshold of the check, and ``system.linkage``: ``method`` is ``document`` (no residual
        links), ``greedy``, ``mutual`` or ``optimum``, over the same weighed edges.
    documents : Links, optional
        The document pass of the same date, where the caller has it already.
    last_days : polars.DataFrame, optional
        Columns entry_id and last_lawful_day (Date, may be null), as the rules give them; default: the
        day permitted at entry.
    known : Calibration, optional
        What evidence is worth; default: learnt from the document pass itself.
    recalibration : Recalibration, optional
        Moves P(departed) of stays without any record; fitted on training worlds.
    scorer : callable
        Pairwise comparison.

    Returns
    -------
    Linked
        ``how_linked`` is ``face`` for a residual link (whatever its evidence), ``document`` for a pair
        that the face check broke and the whole evidence restored, ``implied`` where only a next entry
        closes the stay. A stay's posteriors sum over all assignments, not only the chosen one.
    """
    linkage = point.system.linkage
    encounters = observed.encounters
    if documents is None:
        documents = link_documents(
            encounters, as_of, manifests=observed.manifests, movements=observed.movements, settings=linkage
        )
    known = known or calibrate(encounters, observed.templates, documents, scorer=scorer)
    links = documents
    if linkage.face_check:
        links = check_faces(links, encounters, observed.templates, point.thresholds(encounters), scorer)
    if linkage.method == "document":
        residual = Residual(EDGES.empty(), {}, {})
    else:
        residual = residual_edges(encounters, observed.templates, links, known, scorer=scorer)
    edges = residual.edges
    probability = edge_probabilities(edges["left"], edges["right"], edges["log_odds"])
    edges = edges.with_columns(probability=pl.Series(probability, dtype=pl.Float64))
    positive = edges.filter(pl.col("log_odds") > 0)
    weights = positive["log_odds"].clip(upper_bound=1000.0)
    method = "optimum" if linkage.method == "document" else linkage.method
    chosen = assign(positive["left"], positive["right"], weights, method)
    linked = _apply(links, positive[chosen.edges])
    notes = {f"linkable_{name}": f"{share:.6f}" for name, share in residual.linkable.items()}
    stays = _posterior(observed, linked, links, edges, known, as_of, last_days, scorer, recalibration)
    return Linked(
        stays, linked, edges, chosen.weight, notes | residual.notes | {"sham_rate": f"{known.sham_rate:.6f}"}
    )


def _apply(links: Links, chosen: pl.DataFrame) -> Links:
    """Write the chosen edges into the stays."""
    kinds = pl.Enum(LINK_KINDS)
    exits = links.residual_exits.select(right="exit_id", new_time="exit_time")
    to_exit = chosen.filter(pl.col("kind").is_in(["exit", "own_document"])).join(exits, on="right")
    again = chosen.filter(pl.col("kind") == "next_entry")
    entry_times = links.stays.select(right="entry_id", again_time="entry_time")
    again = again.join(entry_times, on="right").select(entry_id="left", again_time="again_time")
    stays = (
        links.stays.join(
            to_exit.select(
                entry_id="left", new_id="right", new_row="right_row", new_time="new_time", edge="kind"
            ),
            on="entry_id",
            how="left",
            maintain_order="left",
        )
        .join(again, on="entry_id", how="left", maintain_order="left")
        .with_columns(
            exit_id=pl.coalesce("new_id", "exit_id"),
            exit_row=pl.coalesce("new_row", "exit_row"),
            exit_time=pl.coalesce("new_time", "exit_time"),
            next_entry_time=pl.coalesce("next_entry_time", "again_time"),
            how_linked=pl.when(pl.col("edge") == "own_document")
            .then(pl.lit("document", dtype=kinds))
            .when(pl.col("edge").is_not_null())
            .then(pl.lit("face", dtype=kinds))
            .when(pl.col("again_time").is_not_null())
            .then(pl.lit("implied", dtype=kinds))
            .otherwise("how_linked"),
        )
        .select(list(LINKS.columns))
    )
    taken = pl.col("exit_id").is_in(to_exit["right"].implode())
    kept = pl.struct("entry_id", "exit_id").is_in(
        to_exit.select(pl.struct(entry_id="left", exit_id="right")).to_series().implode()
    )
    return links.with_(
        stays=stays,
        residual_exits=links.residual_exits.filter(~taken),
        contradicted=links.contradicted.filter(~kept),
    )


def _posterior(
    observed: Observed,
    linked: Links,
    before: Links,
    edges: pl.DataFrame,
    known: Calibration,
    as_of: date | datetime,
    last_days: pl.DataFrame | None,
    scorer: PairScorer,
    recalibration: Recalibration | None,
) -> pl.DataFrame:
    """Sum over what may have become of each stay; `before` is the state that the edges start from."""
    encounters = observed.encounters
    stays = before.stays
    n = len(stays)
    cut = cut_of(as_of)
    entry_row = stays["entry_row"]
    if last_days is None:
        last = encounters["permitted_until"][entry_row]
    else:
        last = stays.join(last_days, on="entry_id", how="left", maintain_order="left")["last_lawful_day"]
    start = stays["entry_time"]
    # A departure on the last lawful day is in time: lawful days run to that day's end.
    lawful = (last.cast(Time) - start).dt.total_milliseconds().to_numpy() / DAY_MS + 1.0
    unknown = last.is_null().to_numpy()
    lawful = np.where(unknown, np.inf, lawful)
    waited = (pl.Series([cut]).cast(Time) - start).dt.total_milliseconds().to_numpy() / DAY_MS
    place = pl.Series("entry_id", stays["entry_id"]).to_frame().with_row_index("at")

    # Links of the document pass, and the chance that who left is not who entered.
    closed = (~stays["how_linked"].is_in(["none", "implied"])).to_numpy()
    out = (stays["exit_time"] - start).dt.total_milliseconds().fill_null(0).to_numpy() / DAY_MS
    sham = np.where(closed, _sham_odds(observed, stays, known, scorer), 0.0)
    # A stay that only a manifest's line closed may have gone on: then it is one without a record.
    by_line = ((stays["how_linked"] == "manifest") & (stays["exit_id"] < 0)).to_numpy()
    doubt = np.where(by_line, ghost_share(observed, stays, as_of) if by_line.any() else 0.0, sham)
    sham = np.where(by_line, 0.0, sham)
    departed = np.where(closed, 1.0 - doubt, 0.0)
    late = np.where(closed & (out > lawful), departed, 0.0)

    # Residual links: exits, and next entries on other documents.
    to = edges.filter(pl.col("kind") != "return").join(
        place.rename({"entry_id": "left"}), on="left", how="inner", maintain_order="left"
    )
    at, p = to["at"].to_numpy(), to["probability"].to_numpy()
    times = encounters["time"][to["right_row"]] - encounters["time"][to["left_row"]]
    when = times.dt.total_milliseconds().to_numpy() / DAY_MS
    leaves = (to["kind"] != "next_entry").to_numpy()
    by_exit, by_return = np.bincount(at, p * leaves, n), np.bincount(at, p * ~leaves, n)
    sure = np.clip(by_exit + by_return, 0.0, 1.0)
    exit_days = np.bincount(at, p * leaves * when, n) / np.maximum(by_exit, 1e-12)
    late += np.bincount(at, p * (leaves & (when > lawful[at])), n)

    groups = _groups(encounters, entry_row)
    end = stays["next_entry_time"].fill_null(pl.lit(cut, dtype=Time))
    after = (end - stays["exit_time"]).dt.total_milliseconds() / DAY_MS
    model = UnrecordedDepartures.fit(
        pl.DataFrame(
            {
                "group": groups,
                "days": np.where(closed, out, np.where(by_exit > 0.5, exit_days, waited)),
                "closed": np.where(closed, 1.0, by_exit),
                "again": stays["next_entry_time"].is_not_null(),
                "after": after,
            }
        )
    )
    tardy_by_return = 1.0 - model.in_time(groups[at], when, lawful[at])
    late += np.bincount(at, p * ~leaves * tardy_by_return, n)

    # What is left: gone without a record, or still here.
    implied = (stays["how_linked"] == "implied").to_numpy()
    follow = (stays["next_entry_time"] - start).dt.total_milliseconds().fill_null(0).to_numpy() / DAY_MS
    horizon = np.where(implied, follow, waited)
    without = (recalibration or Recalibration()).apply(model.departed(groups, waited))
    gone = np.where(implied, 1.0 - known.sham_rate, without)
    contradicted = stays["entry_id"].is_in(before.contradicted["entry_id"].implode()).to_numpy()
    # Who lends a document for a sham exit means to stay.
    gone = np.where(contradicted & ~implied, 0.0, gone)
    tardy = 1.0 - model.in_time(groups, horizon, lawful)
    overdue = waited > lawful
    rest = np.where(closed, doubt, 1.0 - sure)
    gone = np.where(closed & ~by_line, 0.0, gone)
    departed += np.where(closed, 0.0, sure) + rest * gone
    late += rest * (gone * np.where(horizon > lawful, tardy, 0.0) + (1.0 - gone) * overdue)
    own = to.filter(pl.col("kind") == "own_document")
    kept = np.bincount(own["at"].to_numpy(), own["probability"].to_numpy(), n)
    sham = np.where(contradicted, np.clip(1.0 - kept, 0.0, 1.0), sham)
    return LINKED.check(
        linked.stays.with_columns(
            p_departed=pl.Series(np.clip(departed, 0.0, 1.0)),
            p_overstay=pl.Series(np.where(unknown, np.nan, np.clip(late, 0.0, 1.0))).fill_nan(None),
            p_sham_exit=pl.Series(sham),
        )
    )


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
    odds = np.log((1 - known.sham_rate) / known.sham_rate) + ratio
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(odds, -500, 500))))
