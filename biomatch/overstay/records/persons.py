"""Who is one person across passports: records joined by document, by a person's key, or by a link."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.holders import same_holders
from biomatch.overstay.linkage.link import Linked
from biomatch.portable.types import Ints
from biomatch.tables.observed import DOCUMENT_KEY, Observed


def by_document(encounters: pl.DataFrame) -> Ints:
    """Number the holders behind encounters where nothing is known but documents; shape (encounters,)."""
    papers = encounters.select(pl.struct(DOCUMENT_KEY).rank("dense"))
    return papers.to_series().to_numpy().astype(np.int64)


def person_ids(observed: Observed, linked: Linked, scorer: PairScorer = score_rows) -> Ints:
    """Number the persons behind encounters.

    Parameters
    ----------
    observed : Observed
        Encounters in an order that their content gives.
    linked : Linked
        Its chosen edges join records of different documents.
    scorer : callable
        Pairwise comparison, for documents whose holder is one person (`holders.same_holders`).

    Returns
    -------
    ndarray of int64
        Shape (encounters,): 1, 2, ... in the order of each person's first record. Records of one document
        are one person's, but for an exit on it that shows another face.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    encounters = observed.encounters
    count = len(encounters)
    document = encounters.select(pl.struct(DOCUMENT_KEY).rank("dense")).to_series()
    first = (
        pl.DataFrame({"document": document, "row": pl.int_range(count, dtype=pl.Int64, eager=True)})
        .select(pl.col("row").min().over("document"))
        .to_series()
        .to_numpy()
    )
    rows = np.arange(count)
    borrowed = linked.links.contradicted["exit_row"].to_numpy()
    kept = np.ones(count, dtype=bool)
    kept[borrowed] = False
    # A document whose first record is the borrowed one is still its other records' document.
    lead = first.copy()
    if len(borrowed):
        others = pl.DataFrame({"document": document.filter(pl.Series(kept)), "row": rows[kept]})
        least = others.group_by("document").agg(pl.col("row").min())
        lead = (
            document.to_frame("document")
            .join(least, on="document", how="left", maintain_order="left")["row"]
            .fill_null(-1)
            .to_numpy()
        )
        lead = np.where(kept, lead, rows)
    by_id = encounters.select("encounter_id", row=pl.int_range(pl.len(), dtype=pl.Int64))
    chosen = linked.chosen.join(by_id, left_on="left", right_on="encounter_id", how="left").join(
        by_id, left_on="right", right_on="encounter_id", how="left", suffix="_right"
    )
    same = same_holders(observed, linked, scorer)
    left = np.r_[rows, chosen["row"].to_numpy(), same["left_row"].to_numpy()]
    right = np.r_[lead, chosen["row_right"].to_numpy(), same["right_row"].to_numpy()]
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    _, begins = np.unique(labels, return_index=True)
    rank = np.empty(len(begins), dtype=np.int64)
    rank[np.argsort(begins)] = np.arange(1, len(begins) + 1)
    return np.asarray(rank[labels])
