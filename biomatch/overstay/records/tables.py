"""The tables that linking a user's records gives: stays, links with their evidence, leads."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evidence.levels import FIELDS
from biomatch.overstay.linkage.link import Linked
from biomatch.overstay.rules.intake.source import ROW
from biomatch.tables.observed import Observed

PIECES = ("prior", "face", *FIELDS, "document", "dwell")
"""Pieces of a link's evidence, in natural logarithms (nats); their sum is ``log_odds``."""
LEAST = 0.001
"""Links that were weighed and not made are listed from this probability on."""
LEAD_COLUMNS = (
    "name",
    "document",
    "class",
    "nationality",
    "days_over",
    "p_overstay",
    "why",
    "severity",
    "visa_void",
    "entry",
    "last_lawful_day",
    "port",
    "mode",
    "person_id",
    "stay",
    "entry_row",
)


def stays_table(
    records: pl.DataFrame,
    linked: Linked,
    judged: pl.DataFrame,
    person: NDArray[np.int64],
) -> pl.DataFrame:
    """Give a row a stay: who, when, how linked, what the rules and the posterior say.

    Returns
    -------
    polars.DataFrame
        ``stay`` (number of the entry's record), ``person_id``, what the entry's record says, the exit's
        document and port, ``how_linked``, the rules' columns, the three posteriors, and ``entry_row`` and
        ``exit_row``: rows of the user's tables, the first as 1.
    """
    told = records.select(
        "record", "row", "document", "issuer", "name", "birth_date", "sex", "nationality", "class", "port",
        "mode", "carrier",
    )  # fmt: skip
    left = records.select(
        exit_id="record", exit_row="row", exit_document="document", exit_port="port", exit_carrier="carrier"
    )
    stays = linked.stays.select("entry_id", "exit_id", "entry_row", "how_linked", *_POSTERIORS)
    table = pl.concat([stays, judged], how="horizontal")
    table = table.with_columns(person_id=pl.Series(person)[stays["entry_row"]]).drop("entry_row")
    table = table.join(told, left_on="entry_id", right_on="record", how="left", maintain_order="left")
    table = table.join(left, on="exit_id", how="left", maintain_order="left")
    return table.select(
        "person_id",
        "document",
        "issuer",
        "name",
        "birth_date",
        "sex",
        "nationality",
        "class",
        "mode",
        "port",
        "carrier",
        "entry",
        "exit",
        "exit_document",
        "exit_port",
        "exit_carrier",
        "last_lawful_day",
        "status",
        "days_over",
        "severity",
        "visa_void",
        "fiscal_year",
        "expected_departure",
        "how_linked",
        *_POSTERIORS,
        stay="entry_id",
        entry_row="row",
        exit_row="exit_row",
    )


_POSTERIORS = ("p_departed", "p_overstay", "p_sham_exit")


def links_table(observed: Observed, records: pl.DataFrame, linked: Linked) -> pl.DataFrame:
    """Give a row a link, made or only weighed, with its probability and its evidence by piece.

    Returns
    -------
    polars.DataFrame
        ``link`` (its number), ``stay``, ``kind`` (``document``: one document joined entry and exit; ``exit``:
        an exit on another document; ``own_document``: the exit on the stay's document, whose face is
        another; ``next_entry``, ``return``: a later entry), ``made`` (Boolean), ``probability``, rows,
        documents and days of both records, the comparison score, `PIECES` and ``log_odds`` in nats. Pairs
        that a document joined have no pieces but the document's: they were not weighed against others.
    """
    chosen = linked.chosen.with_columns(made=pl.lit(value=True))
    edges = linked.edges.filter(pl.col("probability") >= LEAST).join(
        chosen, on=["left", "right"], how="left", maintain_order="left"
    )
    pieces = _named(observed, edges, linked)
    weighed = edges.select(
        "left",
        "right",
        "probability",
        "score",
        "face",
        "document",
        "dwell",
        "prior",
        "log_odds",
        made=pl.col("made").fill_null(value=False),
        kind=pl.col("kind").cast(pl.String),
    ).with_columns(pieces)
    plain = linked.stays.filter(
        pl.col("how_linked").cast(pl.String).is_in(["document", "neighbour", "manifest"])
        & (pl.col("exit_id") >= 0)
    ).join(linked.chosen, left_on="entry_id", right_on="left", how="anti")
    by_document = plain.select(
        left="entry_id",
        right="exit_id",
        probability=1.0 - pl.col("p_sham_exit"),
        made=pl.lit(value=True),
        kind=pl.col("how_linked").cast(pl.String),
    )
    table = pl.concat([by_document, weighed], how="diagonal").sort("left", "right")
    own = records.select("record", "row", "document", "day", "name")
    for side, prefix in (("left", "from"), ("right", "to")):
        renamed = own.rename({name: f"{prefix}_{name}" for name in own.columns if name != "record"})
        table = table.join(renamed, left_on=side, right_on="record", how="left", maintain_order="left")
    return table.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("link"),
        pl.col("left").alias("stay"),
        "kind",
        "made",
        "probability",
        *(f"{prefix}_{name}" for prefix in ("from", "to") for name in ("row", "document", "name", "day")),
        "score",
        *(f"nats_{name}" for name in FIELDS),
        *(pl.col(name).alias(f"nats_{name}") for name in ("face", "document", "dwell", "prior", "log_odds")),
    )


def _named(observed: Observed, edges: pl.DataFrame, linked: Linked) -> list[pl.Series]:
    """Give the weight of each field of the names and dates of weighed pairs."""
    values = np.zeros((len(edges), len(FIELDS)))
    if linked.weighing is not None and linked.weighing.agreement and len(edges):
        told = observed.encounters.select("claimed_name", "birth_date", "sex", "nationality")
        compared = linked.weighing.known.names.compare(told[edges["left_row"]], told[edges["right_row"]])
        values = compared.weights(linked.weighing.agreement)
        silent = (edges["names"] == 0).to_numpy()
        values[silent] = 0.0
    return [pl.Series(f"nats_{name}", values[:, at]) for at, name in enumerate(FIELDS)]


def leads_table(stays: pl.DataFrame, links: pl.DataFrame, least: float) -> pl.DataFrame:
    """Give the suspected in-country overstays, the most probable first, each with the reason.

    Parameters
    ----------
    stays, links : polars.DataFrame
        From `stays_table` and `links_table`.
    least : float
        P(overstay) from which a stay is listed.
    """
    suspected = stays.filter(
        (pl.col("status") == "suspected_in_country_overstay") & (pl.col("p_overstay").fill_null(1.0) >= least)
    )
    rival = (
        links.filter(~pl.col("made") & pl.col("kind").is_in(["exit", "next_entry", "capture"]))
        .sort("probability", "link", descending=[True, False])
        .unique("stay", keep="first", maintain_order=True)
        .select("stay", "to_day", "to_document", rival="probability", rival_kind="kind")
    )
    broken = links.filter(~pl.col("made") & (pl.col("kind") == "own_document")).select("stay", sham="to_day")
    table = suspected.join(rival, on="stay", how="left").join(
        broken.unique("stay", keep="first"), on="stay", how="left"
    )
    day = pl.col("last_lawful_day").cast(pl.String)
    over = pl.concat_str(
        pl.lit("no departure on record, "), pl.col("days_over").cast(pl.String), pl.lit(" days after "), day
    )
    what = (
        pl.when(pl.col("rival_kind") == "next_entry").then(pl.lit("the entry")).otherwise(pl.lit("the exit"))
    )
    percent = (pl.col("rival") * 100).round().cast(pl.Int64).cast(pl.String)
    maybe = pl.concat_str(
        pl.lit("; "), what, pl.lit(" of "), pl.col("to_day").cast(pl.String), pl.lit(" on "),
        pl.col("to_document").fill_null("no document"), pl.lit(" may be theirs ("), percent, pl.lit("%)"),
    )  # fmt: skip
    face = pl.concat_str(
        pl.lit("; the exit on their document of "),
        pl.col("sham").cast(pl.String),
        pl.lit(" shows another face"),
    )
    why = pl.concat_str(
        over,
        pl.when(pl.col("rival") >= 0.01).then(maybe).otherwise(pl.lit("")),
        face.fill_null(""),
    )
    table = table.with_columns(why=why)
    carried = [name for name in stays.columns if name not in LEAD_COLUMNS and name not in _NOT_CARRIED]
    return table.sort(
        ["p_overstay", "days_over", "stay"], descending=[True, True, False], nulls_last=True
    ).select(*LEAD_COLUMNS, *carried)


_NOT_CARRIED = frozenset(
    {
        "issuer", "birth_date", "sex", "carrier", "exit", "exit_document", "exit_port", "exit_carrier",
        "status", "fiscal_year", "expected_departure", "how_linked", *_POSTERIORS, "exit_row",
    }
)  # fmt: skip


def carry(stays: pl.DataFrame, frames: list[tuple[pl.DataFrame, tuple[str, ...]]]) -> pl.DataFrame:
    """Carry the user's other columns through to the stays: the entry's as named, the exit's as ``exit_NAME``.

    Parameters
    ----------
    stays : polars.DataFrame
        From `stays_table`.
    frames : list
        The table of entries and the one of exits (or one table of both), each with `ROW`, and the names of
        the columns to carry.
    """
    for side, (frame, names) in (("entry", frames[0]), ("exit", frames[-1])):
        if not names:
            continue
        fresh = {name: name if side == "entry" else f"exit_{name}" for name in names}
        fresh = {name: f"own_{new}" if new in stays.columns else new for name, new in fresh.items()}
        found = frame.select(ROW, *names).rename({ROW: f"{side}_row", **fresh})
        stays = stays.join(found, on=f"{side}_row", how="left", maintain_order="left")
    return stays
