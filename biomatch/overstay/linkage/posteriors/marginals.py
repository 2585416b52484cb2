"""How sure a link is: the probability of every edge over all partial one-to-one assignments.

A set of edges without a shared end has weight exp(sum of its edges' log odds); the empty set has 1. On
graphs without cycles the sum-product messages below give the exact probabilities, whatever their size;
small components with cycles are summed set by set; in larger ones the messages are an approximation
(Bayati and Nair, "A rigorous proof of the cavity method for counting matchings", 2006), whose error the
tests bound against the exact sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from biomatch import portable
from biomatch.errors import TableError
from biomatch.portable.types import Floats, Ints

MAX_EXACT_EDGES = 12
"""A component with cycles and at most so many edges is summed exactly: at most 4,096 subsets."""
_ROUNDS, _TOLERANCE = 500, 1e-9


def edge_probabilities(left: ArrayLike, right: ArrayLike, log_odds: ArrayLike) -> Floats:
    """Give the probability that each edge is in the true assignment.

    Parameters
    ----------
    left, right : array_like of int
        Shape (m,): identifiers of both ends; a pair occurs once.
    log_odds : array_like of float
        Shape (m,): evidence plus prior, natural logarithm, against both ends being unmatched. Any sign.

    Returns
    -------
    ndarray of float64
        Shape (m,), in [0, 1]; the edges of one end sum to at most 1. Neither the order of rows nor other
        components matter, up to rounding.

    Examples
    --------
    >>> edge_probabilities([1], [2], [0.0])
    array([0.5])
    >>> edge_probabilities([1, 1], [2, 3], [0.0, 0.0]).round(3)
    array([0.333, 0.333])
    """
    w = np.asarray(log_odds, dtype=np.float64)
    names_left, a = np.unique(np.asarray(left, dtype=np.int64), return_inverse=True)
    names_right, b = np.unique(np.asarray(right, dtype=np.int64), return_inverse=True)
    if not (a.ndim == b.ndim == w.ndim == 1 and len(a) == len(b) == len(w)):
        raise TableError(f"edges of shapes {a.shape}, {b.shape}, {w.shape}", allowed="three equal lengths")
    if np.isnan(w).any() or np.isposinf(w).any():
        raise TableError("an edge's log odds are not finite", remedy="cap the evidence")
    if not len(w):
        return np.empty(0)
    order = np.lexsort((b, a))
    a, b, w = a[order], b[order], np.maximum(w[order], -700.0)
    found = _messages(a, b + len(names_left), w, len(names_left) + len(names_right))
    for rows in _small_cycles(a, b, len(names_left), len(names_right)):
        found[rows] = _sum_over_sets(a[rows], b[rows], w[rows])
    out = np.empty(len(w))
    out[order] = np.clip(found, 0.0, 1.0)
    return out


def _messages(a: Ints, b: Ints, w: Floats, nodes: int) -> Floats:
    """Iterate log messages between ends until they stand; logarithms keep odds of e^40 harmless."""
    to_left, to_right = np.full(len(w), -np.inf), np.full(len(w), -np.inf)
    for _ in range(_ROUNDS):
        new_right = w - _log_rest(to_left, a, nodes)
        new_left = w - _log_rest(to_right, b, nodes)
        change = max(_distance(new_right, to_right), _distance(new_left, to_left))
        # Averaging on the way settles the oscillation that strong odds on cycles would cause.
        to_left = new_left if change > 50 else portable.logaddexp(new_left, to_left) - portable.log(2)
        to_right = new_right if change > 50 else portable.logaddexp(new_right, to_right) - portable.log(2)
        if change < _TOLERANCE:
            break
    against = _log_rest(to_left, a, nodes) + _log_rest(to_right, b, nodes)
    return np.asarray(portable.exp(-portable.logaddexp(0.0, against - w)))


def _distance(new: Floats, old: Floats) -> float:
    with np.errstate(invalid="ignore"):
        moved = np.abs(new - old)
    return float(np.nan_to_num(moved, nan=np.inf, posinf=np.inf).max())


def _log_rest(message: Floats, end: Ints, nodes: int) -> Floats:
    """Give ln(1 + sum of the messages that reach this edge's end over its other edges)."""
    top = np.zeros(nodes)
    np.maximum.at(top, end, message)
    scaled = portable.exp(message - top[end])
    total = np.bincount(end, scaled, nodes)
    rest = total[end] - scaled
    # A message that is nearly the whole sum leaves only rounding error: sum the others afresh.
    poor = np.flatnonzero(rest < 1e-6 * scaled)
    if len(poor):
        rest[poor] = _sum_others(poor, message, end, top, nodes)
    return np.asarray(portable.logaddexp(0.0, portable.log(np.maximum(rest, 1e-320)) + top[end]))


def _sum_others(poor: Ints, message: Floats, end: Ints, top: Floats, nodes: int) -> Floats:
    dominant = np.zeros(len(message), dtype=bool)
    dominant[poor] = True
    others = np.bincount(end[~dominant], portable.exp(message - top[end])[~dominant], nodes)
    # Several dominant edges at one end cannot be: each would be less than a millionth of the others.
    return np.asarray(others[end[poor]], dtype=np.float64)


def _small_cycles(a: Ints, b: Ints, lefts: int, rights: int) -> list[Ints]:
    """Give the rows of each component that has a cycle and is small enough for an exact sum."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes = lefts + rights
    links = coo_array((np.ones(len(a), np.int8), (a, b + lefts)), shape=(nodes, nodes))
    count, labels = connected_components(links, directed=False)
    of_edge = labels[a]
    edges, members = np.bincount(of_edge, minlength=count), np.bincount(labels, minlength=count)
    wanted = (edges >= members) & (edges <= MAX_EXACT_EDGES)
    rows = np.flatnonzero(wanted[of_edge])
    rows = rows[np.argsort(of_edge[rows], kind="stable")]
    return np.split(rows, np.flatnonzero(np.diff(of_edge[rows])) + 1) if len(rows) else []


def _sum_over_sets(a: Ints, b: Ints, w: Floats) -> Floats:
    """Sum over every set of edges without a shared end."""
    m = len(w)
    left, right = (np.unique(side, return_inverse=True)[1].tolist() for side in (a, b))
    ends = [1 << x | 1 << (m + y) for x, y in zip(left, right, strict=True)]
    used, logs, sets = [0], [0.0], [0]
    for edge in range(m):
        for at in range(len(used)):
            if not used[at] & ends[edge]:
                used.append(used[at] | ends[edge])
                logs.append(logs[at] + float(w[edge]))
                sets.append(sets[at] | 1 << edge)
    weight = np.array(logs)
    weight = portable.exp(weight - weight.max())
    has = (np.array(sets)[:, None] >> np.arange(m)) & 1
    return np.asarray((weight[:, None] * has).sum(axis=0) / weight.sum())
