"""The face check of a document pair: a sure conflict breaks it, and both sides stay to be searched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import TableError
from biomatch.gallery.scoring import pair_scores
from biomatch.overstay.linkage.tables import CONTRADICTED, RESIDUAL_EXITS, Links
from biomatch.policy import accept
from biomatch.tables.produced import LINK_KINDS

PairScorer = Callable[[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""Gives the comparison scores of template rows (templates, left rows, right rows)."""

_BATCH = 16_384  # pairs that are gathered at once: 2 x 67 MB at 512 dimensions


def score_rows(
    templates: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Compare template rows pairwise with the gallery's one routine, a batch at a time.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, rows of unit length; may be memory-mapped.
    left, right : ndarray
        Shape (m,), int64 rows of `templates`, none negative.

    Returns
    -------
    ndarray
        Shape (m,), float32. Each pair's score depends on that pair alone, not on its batch.
    """
    out = np.empty(len(left), dtype=np.float32)
    for begin in range(0, len(left), _BATCH):
        part = slice(begin, begin + _BATCH)
        out[part] = pair_scores(templates[left[part]], templates[right[part]])
    return out


def check_faces(
    links: Links,
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    threshold: ArrayLike,
    scorer: PairScorer = score_rows,
) -> Links:
    """Compare the faces of every document pair and break the pairs below the threshold.

    Parameters
    ----------
    links : Links
        From `link_documents` over the same encounters.
    encounters : polars.DataFrame
        The encounters that `links` were made from, in the same order; reads ``template_row``.
    templates : ndarray
        Shape (n, d), float32, rows of unit length.
    threshold : array_like
        One threshold, or one for each row of `encounters` (the exit's row counts), as
        `OperatingPoint.thresholds` gives them.
    scorer : callable
        Pairwise comparison, for a caller who has compared the same pairs before.

    Returns
    -------
    Links
        Pairs with two templates whose score is not accepted are taken apart: the stay is open again (or
        ``implied`` where its document entered again), the exit is residual and marked as contradicted,
        and the pair with its score stands in `Links.contradicted`. Pairs without two templates stay, and
        so do pairs whose score is NaN: nobody compared them.

    Raises
    ------
    TableError
        For thresholds of a wrong shape.
    """
    limits = np.asarray(threshold, dtype=np.float64)
    if limits.ndim > 1 or (limits.ndim == 1 and len(limits) != len(encounters)):
        raise TableError(
            f"thresholds of shape {limits.shape} for {len(encounters)} encounters",
            allowed="one number, or one for each encounter",
        )
    rows = encounters["template_row"].to_numpy()
    paired = links.stays.filter((pl.col("exit_row") >= 0) & (pl.col("how_linked") != "implied"))
    entry_row, exit_row = paired["entry_row"].to_numpy(), paired["exit_row"].to_numpy()
    both = np.flatnonzero((rows[entry_row] >= 0) & (rows[exit_row] >= 0))
    score = scorer(templates, rows[entry_row[both]], rows[exit_row[both]])
    limit = limits if limits.ndim == 0 else limits[exit_row[both]]
    # Where no score was given nothing was compared, and nothing speaks against the pair.
    against = ~accept(score, limit) & ~np.isnan(score)
    broken = paired[both[against]].with_columns(score=pl.Series(score[against], dtype=pl.Float32))
    contradicted = CONTRADICTED.check(broken.select(list(CONTRADICTED.columns)))
    return _take_apart(links, contradicted)


def _take_apart(links: Links, contradicted: pl.DataFrame) -> Links:
    is_broken = pl.col("entry_id").is_in(contradicted["entry_id"].implode())
    kinds = pl.Enum(LINK_KINDS)
    stays = links.stays.with_columns(
        exit_id=pl.when(is_broken).then(-1).otherwise("exit_id"),
        exit_row=pl.when(is_broken).then(-1).otherwise("exit_row"),
        exit_time=pl.when(~is_broken).then("exit_time"),
        how_linked=pl.when(~is_broken)
        .then("how_linked")
        .when(pl.col("next_entry_time").is_null())
        .then(pl.lit("none", dtype=kinds))
        .otherwise(pl.lit("implied", dtype=kinds)),
    )
    freed = links.stays.filter(is_broken).select(
        "exit_id", "exit_row", "exit_time", contradicted=pl.lit(True)
    )
    strays = pl.concat([links.residual_exits, freed]).sort("exit_id")
    return links.with_(
        stays=stays,
        residual_exits=RESIDUAL_EXITS.check(strays),
        contradicted=pl.concat([links.contradicted, contradicted]).sort("entry_id", "exit_id"),
    )
