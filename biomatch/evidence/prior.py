"""What is known before any evidence: prior odds of a pair, and what a shared document is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.errors import SettingsError

SHAM_RATE = 1e-5
"""Share of exits on a document that somebody else uses, before anything is seen: of a million crossings, 7 to
10 are detected impostors [A21, A22, E10]."""


def _share(name: str, value: float) -> float:
    if not 0.0 < value < 1.0:
        raise SettingsError(f"{name} = {value}", allowed="a number between 0 and 1")
    return value


def pair_log_odds(linkable: float, open_stays: ArrayLike) -> NDArray[np.float64]:
    """Give the prior log odds that an exit belongs to one given stay, against to none that is open.

    Parameters
    ----------
    linkable : float
        Share of the exits whose entry is among the open stays, between 0 and 1.
    open_stays : array_like
        Number of stays that the exit could have closed, at least 1.

    Returns
    -------
    ndarray of float64
        ``ln(linkable / (1 - linkable)) - ln(open_stays)``.

    Examples
    --------
    >>> round(float(pair_log_odds(0.5, 2_400_000) / portable.log(10)), 1)  # 2.4 million open stays
    -6.4
    """
    share = _share("linkable", linkable)
    return np.asarray(portable.log(share / (1 - share)) - portable.log(np.maximum(open_stays, 1.0)))


def same_document_log_odds(sham_rate: float = SHAM_RATE) -> float:
    """Give the prior log odds that who leaves on a document is who entered on it.

    Names and dates of birth of the pair are the document's own and add nothing to these odds.
    """
    rate = _share("sham_rate", sham_rate)
    return float(portable.log((1 - rate) / rate))


MISTYPED = 0.2
"""Share of linkable exits without a document match whose number is one slip away (assumed)."""


def near_number_llr(nearly: NDArray[np.bool_], chance: float) -> NDArray[np.float64]:
    """Give the ratio of document numbers one slip apart (one character, or two neighbours swapped).

    Parameters
    ----------
    nearly : ndarray of bool
        Shape (n,): whether two numbers of one issuer are one slip apart.
    chance : float
        Share of pairs of two persons for which that holds, between 0 and 1.
    """
    rate = _share("chance", chance)
    agree, differ = portable.log(MISTYPED / rate), portable.log((1 - MISTYPED) / (1 - rate))
    return np.asarray(np.where(nearly, agree, differ), dtype=np.float64)
