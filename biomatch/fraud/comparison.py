"""One comparison of two faces, as a calibrated log-likelihood ratio (``photo.onnx``, ``entry.onnx``).

A detector ranks by the raw similarity, which is what its threshold was tuned on; who looks at one alert
reads beside it how much that similarity weighs at this image quality and at this age of the photo.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from biomatch.errors import ModelError
from biomatch.fraud.basis import basis
from biomatch.fraud.facts import Facts
from biomatch.models import load
from biomatch.portable.types import Floats, Ints

Comparison = Literal["photo", "entry"]
_NOT_HEARD = ("history", "papers", "identity", "morph", "swap", "ghost", "days")


def compared(facts: Facts, rows: Ints, what: Comparison) -> Floats:
    """Give the log-likelihood ratio of another person, against the same person, at encounters.

    Parameters
    ----------
    facts : Facts
        The world's records.
    rows : ndarray of int64
        Shape (m,): rows of ``facts.table``.
    what : str
        ``"photo"``: the live face against the photo of the document; ``"entry"``: the face at an exit
        against the face at the entry that its document closes.

    Returns
    -------
    ndarray of float64
        Shape (m,), nats; NaN where nothing was compared. Of the comparison alone: the fused ratio of an
        alert hears all evidence at its encounter.

    Raises
    ------
    ModelError
        Where model and code do not belong together.
    """
    similarity = facts.photo_similarity if what == "photo" else facts.entry_similarity
    return weight_of(what, similarity[rows], facts.table["quality"].gather(rows), facts.photo_years[rows])


def weight_of(what: Comparison, similarity: Floats, quality: pl.Series, years: Floats) -> Floats:
    """Give the log-likelihood ratio of another person, against the same person, for comparisons.

    Parameters
    ----------
    what : str
        As in `compared`.
    similarity : ndarray of float64
        Shape (m,): comparison scores; NaN: nothing was compared.
    quality : polars.Series
        Shape (m,): of the live image, 0 to 100; null counts as the best.
    years : ndarray of float64
        Shape (m,): age of the photo; NaN counts as new. Only ``"photo"`` hears it.

    Returns
    -------
    ndarray of float64
        Shape (m,), nats; NaN where nothing was compared.
    """
    nothing = np.full(len(similarity), np.nan)
    made, names = basis(
        {
            **dict.fromkeys(("photo", "entry", *_NOT_HEARD), nothing),
            what: similarity,
            "quality": quality.cast(pl.Float64).fill_null(np.nan).to_numpy() / 100.0,
            "attempts": np.ones(len(similarity)),
            "years": years,
            "failed": np.zeros(len(similarity)),
        }
    )
    model = load(what)
    if not set(model.entry.inputs) <= set(names):
        raise ModelError(
            f"{model.entry.file} was trained on other columns than this version makes",
            remedy="run `make models`",
        )
    ratio = model.run(made[:, [names.index(name) for name in model.entry.inputs]]).astype(np.float64)
    return np.where(np.isnan(similarity), np.nan, ratio)
