"""Linkage as the system calls it: documents, faces, residual assignment, and a posterior for each stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from biomatch.evidence.recalibrate import Recalibration, shipped
from biomatch.overstay.linkage.assignment import assign
from biomatch.overstay.linkage.calibrate import Calibration, calibrate
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.faces import PairScorer, check_faces, score_rows
from biomatch.overstay.linkage.posteriors.marginals import edge_probabilities
from biomatch.overstay.linkage.posteriors.posterior import posteriors
from biomatch.overstay.linkage.posteriors.spread import RateSpread
from biomatch.overstay.linkage.residual import EDGES, Residual, residual_edges
from biomatch.overstay.linkage.tables import LINKS, Links
from biomatch.policy import OperatingPoint
from biomatch.tables.observed import Observed
from biomatch.tables.produced import LINK_KINDS
from biomatch.tables.schema import Schema

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


_ENDS = {"left": pl.Int64, "right": pl.Int64}


@dataclass(frozen=True, eq=False)
class Weighing:
    """What evidence was worth in a linkage.

    Attributes
    ----------
    known : Calibration
        Law of face scores, dwell times, frequencies of names.
    agreement : dict
        For each field the chance of each level of agreement for one person; empty: nothing was weighed.
    spread : RateSpread
        What moves the stays' posteriors together.
    """

    known: Calibration
    agreement: dict[str, tuple[float, ...]]
    spread: RateSpread


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
        Shares that were estimated.
    warnings : tuple of str
        What was left out, and which estimate was not believed; sentences for a person.
    """

    stays: pl.DataFrame
    links: Links
    edges: pl.DataFrame
    objective: float
    notes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    chosen: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_ENDS))
    weighing: Weighing | None = None


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
        day permitted at entry. An optional column settled (Boolean) marks stays that a timely filing or an
        adjustment keeps lawful whatever that day.
    known : Calibration, optional
        What evidence is worth; default: learnt from the document pass itself.
    recalibration : Recalibration, optional
        Moves P(departed) of overdue stays without any record; default: the line that ships with the
        package (fitted on reserved worlds). ``Recalibration()`` moves nothing.
    scorer : callable
        Pairwise comparison.

    Returns
    -------
    Linked
        ``how_linked`` is ``face`` for a residual link that a comparison of faces speaks for, ``name`` for
        one that stands without a face (or against it) on the other evidence, ``document`` for a pair
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
        residual = Residual(EDGES.empty(), {}, {}, ())
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
    line = shipped() if recalibration is None else recalibration
    probable, spread = posteriors(observed, links, edges, known, as_of, last_days, scorer, line)
    stays = LINKED.check(pl.concat([linked.stays, probable], how="horizontal"))
    notes["sham_rate"] = f"{known.sham_rate:.6f}"
    return Linked(
        stays,
        linked,
        edges,
        chosen.weight,
        notes,
        residual.warnings,
        positive[chosen.edges].select("left", "right"),
        Weighing(known, residual.agreement, spread),
    )


def _apply(links: Links, chosen: pl.DataFrame) -> Links:
    """Write the chosen edges into the stays."""
    kinds = pl.Enum(LINK_KINDS)
    exits = links.residual_exits.select(right="exit_id", new_time="exit_time")
    to_exit = chosen.filter(pl.col("kind").is_in(["exit", "capture", "own_document"])).join(exits, on="right")
    again = chosen.filter(pl.col("kind") == "next_entry")
    entry_times = links.stays.select(right="entry_id", again_time="entry_time")
    again = again.join(entry_times, on="right").select(entry_id="left", again_time="again_time")
    stays = (
        links.stays.join(
            to_exit.select(
                entry_id="left",
                new_id="right",
                new_row="right_row",
                new_time="new_time",
                edge="kind",
                by_face=pl.col("face") > 0,
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
            .when("by_face")
            .then(pl.lit("face", dtype=kinds))
            .when(pl.col("edge").is_not_null())
            .then(pl.lit("name", dtype=kinds))
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
