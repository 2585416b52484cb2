"""Levels at which two records of one field may agree, and how often they do so for one person."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from biomatch.portable.types import Floats

Counts = NDArray[np.float64]

FIELDS = ("given", "family", "birth_date", "sex", "nationality")
LEVELS = ("differs", "nearly", "agrees", "exchanged", "one_digit", "same_year", "missing")
DIFFERS, NEARLY, AGREES, EXCHANGED, ONE_DIGIT, SAME_YEAR, MISSING = range(len(LEVELS))
"""``nearly``: one slip, or names that sound alike; of birth dates, two of year, month and day agree.
``exchanged``: day and month in each other's place. ``one_digit``: one of the eight digits differs.
``same_year``: no more than the year agrees. ``missing``: a side does not say, so there is no evidence."""

M = Mapping[str, tuple[float, ...]]
"""For each field of `FIELDS`, the chance of each level for one person, in the order of `LEVELS`."""

DEFAULT_M: dict[str, tuple[float, ...]] = {
    "given": (0.02, 0.03, 0.95),
    "family": (0.05, 0.03, 0.92),
    "birth_date": (0.003, 0.004, 0.974, 0.006, 0.008, 0.005),
    "sex": (0.005, 0.0, 0.995),
    "nationality": (0.04, 0.0, 0.96),
}
"""What two documents of one person agree on, before any pair is seen. Assumed: 2 to 5% benign second
passports, keying errors and name changes of a few per cent."""

PRIOR_PAIRS = 100.0
"""How many pairs `DEFAULT_M` is worth where m is estimated (assumed): fewer than that hardly move it."""
RECORD_PAIRS = 50.0
"""The same for what two records of one document agree on, of which there are thousands."""
_RECORD_M = 0.999
"""Agreement of two records of one document, before any is seen: keying errors (assumed)."""


def m_table(m: M | None = None) -> Floats:
    """Give m as a table of shape (fields, levels); 0 where a level cannot be."""
    table = np.zeros((len(FIELDS), len(LEVELS)))
    for at, name in enumerate(FIELDS):
        shares = (m or DEFAULT_M)[name]
        table[at, : len(shares)] = shares
    return table


def as_m(table: Floats) -> dict[str, tuple[float, ...]]:
    """Give a table of shape (fields, levels) as `M`."""
    return {name: tuple(table[at, :MISSING].tolist()) for at, name in enumerate(FIELDS)}


def level_counts(level: NDArray[np.int8], weight: Floats | None = None) -> Counts:
    """Count levels by field: shape (fields, levels), weighted."""
    counts = [np.bincount(level[:, at], weight, len(LEVELS)) for at in range(len(FIELDS))]
    return np.asarray(counts, dtype=np.float64).reshape(len(FIELDS), len(LEVELS))


def moved(prior: Floats, counts: Counts, pairs: float = PRIOR_PAIRS) -> Floats:
    """Move m towards counted pairs: the mean of a Dirichlet posterior.

    Parameters
    ----------
    prior : ndarray
        Shape (fields, levels), rows that sum to 1.
    counts : ndarray
        Shape (fields, levels): pairs of one person by level; missing ones say nothing.
    pairs : float
        How many pairs the prior is worth.
    """
    seen = np.where(prior > 0, counts, 0.0)
    seen[:, MISSING] = 0.0
    total = seen.sum(axis=1, keepdims=True) + pairs
    return np.asarray((seen + pairs * prior) / total)


def of_two_documents(records: Counts | None) -> Floats:
    """Give m of two documents: what records add is counted, what a second document adds is `DEFAULT_M`.

    Parameters
    ----------
    records : ndarray or None
        Shape (fields, levels): levels of pairs of records of one document each. None: none were seen.
    """
    documents = m_table()
    # Records slip to the levels to which documents differ, in the same proportions.
    keyed = documents.copy()
    keyed[:, AGREES] = 0.0
    keyed *= (1 - _RECORD_M) / keyed.sum(axis=1, keepdims=True)
    keyed[:, AGREES] = _RECORD_M
    if records is not None:
        keyed = moved(keyed, records, RECORD_PAIRS)
    agrees = keyed[:, [AGREES]]
    both = keyed + documents * agrees
    both[:, AGREES] = (documents[:, [AGREES]] * agrees)[:, 0]
    return both
