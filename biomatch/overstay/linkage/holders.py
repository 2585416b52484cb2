"""Who holds several passports: documents whose stays are complete each, and whose holder is one person.

Linkage joins what documents leave open. Somebody who comes and leaves on one passport and comes again on
another leaves nothing open, and yet the days of both count together where a rule counts a person's days. So
documents are compared with each other, one record of each, by the same evidence and the same estimate of how
many have a partner; a person is not in the country twice at one time.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evidence.levels import as_m
from biomatch.overstay.linkage.calibrate import DAY_MS
from biomatch.overstay.linkage.candidates import by_details, by_face
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.link import Linked
from biomatch.overstay.linkage.posteriors.believable import linkable_share
from biomatch.overstay.linkage.residual import DEPTH, MAX_COMPARISONS
from biomatch.tables.observed import Observed

MAX_PAIRS = 200_000
"""Of one key: documents are many, and who shares a rare value with few is found all the same."""
KEYS = (
    "birth date and family name",
    "birth date and given name",
    "exchanged birth date and sex",
    "names and year of birth",
    "names that sound alike",
)
"""Of `candidates.KEYS` those that ask for most: all documents are compared with all."""
LEAST = 0.5
PERSON = "person"
"""Issuer of what is no document but a person's key that its user gave: these are told apart already."""


def same_holders(observed: Observed, linked: Linked, scorer: PairScorer = score_rows) -> pl.DataFrame:
    """Find documents of one holder.

    Parameters
    ----------
    observed : Observed
        Encounters and templates.
    linked : Linked
        What linkage made of them, with what evidence was worth.
    scorer : callable
        Pairwise comparison.

    Returns
    -------
    polars.DataFrame
        Columns left_row, right_row (a record of either document, the earlier first) and probability, at
        least `LEAST`.
    """
    encounters, weighing = observed.encounters, linked.weighing
    nothing = pl.DataFrame(schema={"left_row": pl.Int64, "right_row": pl.Int64, "probability": pl.Float64})
    stays = _stays(encounters, linked)
    first = stays.sort("begin", "row").unique("document", keep="first", maintain_order=True)
    if weighing is None or len(first) < 2:
        return nothing
    reps = first["row"].sort()
    rows = encounters["template_row"].to_numpy()
    told, _ = by_details(encounters, reps, reps, MAX_PAIRS, KEYS, among=True)
    parts = [told]
    if len(reps) ** 2 <= MAX_COMPARISONS:
        parts.append(by_face(reps, reps, rows, observed.templates, DEPTH, scorer))
    begin = first.select("row", "begin", turn=pl.int_range(pl.len()))
    pairs = (
        pl.concat([part.select("left_row", "right_row") for part in parts])
        .unique()
        .join(begin.select(left_row="row", left="turn"), on="left_row")
        .join(begin.select(right_row="row", right="turn"), on="right_row")
        .filter(pl.col("left") < pl.col("right"))
    )
    pairs = _apart_in_time(pairs, stays).sort("left", "right")
    if pairs.is_empty():
        return nothing
    evidence = _evidence(observed, pairs, linked, scorer)
    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    share = linkable_share(evidence, left, right, np.maximum(right, 1), len(first))
    found = pairs.select("left_row", "right_row").with_columns(probability=pl.Series(share.probability))
    return found.filter(pl.col("probability") >= LEAST)


def _stays(encounters: pl.DataFrame, linked: Linked) -> pl.DataFrame:
    """Give each stay's document and days; of a stay whose end is not known the first day."""
    table = linked.links.stays
    papers = encounters.select(
        document=pl.struct("document_number", "document_issuer").rank("dense"), issuer="document_issuer"
    )[table["entry_row"]]
    stays = table.select(
        row="entry_row",
        begin=pl.col("entry_time").dt.date(),
        end=pl.coalesce("exit_time", "entry_time").dt.date(),
    )
    return pl.concat([stays, papers], how="horizontal").filter(pl.col("issuer") != PERSON)


def _apart_in_time(pairs: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Leave out pairs of which some stays overlap: nobody is in the country twice."""
    document = stays.select("row", "document")
    days = stays.select("document", "begin", "end")
    both = (
        pairs.join(document.rename({"row": "left_row", "document": "a"}), on="left_row")
        .join(document.rename({"row": "right_row", "document": "b"}), on="right_row")
        .join(days.rename({"document": "a"}), on="a")
        .join(days.rename({"document": "b"}), on="b", suffix="_b")
    )
    at_once = both.filter((pl.col("begin") < pl.col("end_b")) & (pl.col("begin_b") < pl.col("end")))
    return pairs.join(at_once.select("left_row", "right_row"), on=["left_row", "right_row"], how="anti")


def _evidence(
    observed: Observed, pairs: pl.DataFrame, linked: Linked, scorer: PairScorer
) -> NDArray[np.float64]:
    """Weigh names, dates, sex, nationality and faces of two records; natural logarithms."""
    encounters, weighing = observed.encounters, linked.weighing
    assert weighing is not None
    known = weighing.known
    told = encounters.select("claimed_name", "birth_date", "sex", "nationality")
    left, right = pairs["left_row"], pairs["right_row"]
    compared = known.names.compare(told[left], told[right])
    evidence = compared.llr(weighing.agreement or as_m(known.agreement))
    if known.face is None:
        return evidence
    rows = encounters["template_row"].to_numpy()
    a, b = left.to_numpy(), right.to_numpy()
    both = np.flatnonzero((rows[a] >= 0) & (rows[b] >= 0))
    score = np.full(len(a), np.nan, dtype=np.float32)
    score[both] = scorer(observed.templates, rows[a[both]], rows[b[both]])
    quality = encounters["quality"].cast(pl.Float64).fill_null(1.0).to_numpy()
    time = encounters["time"].to_physical().to_numpy()
    years = np.abs(time[b] - time[a]) / DAY_MS / 365.25
    return np.asarray(evidence + known.face.llr(score, np.minimum(quality[a], quality[b]), years))
