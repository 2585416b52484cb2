"""Optimal partial one-to-one assignment over a sparse list of edges; unmatched weighs nothing.

The exact default first takes every edge that outweighs the best alternatives of both its ends together
(such an edge is in the optimum, by exchange), round after round, and hands what is left to a min-cost
flow. Two slower exact solvers and two common shortcuts stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import ResultsError, SettingsError, TableError

Method = Literal["optimum", "flow", "components", "sparse", "greedy", "mutual"]

SCALE = 2**16
"""Weights are counted in 1/65,536 nat (a rounding of 8e-6 nat, far below any calibrator's error)."""
_TIE_BITS = 20  # two sets of edges of one rounded weight still tie with a chance of about 2^-20
_MAX_WEIGHT = 1024.0  # keeps integer costs below 2^46
_MAX_CELLS = 25_000_000  # of one dense component: 200 MB of float64


@dataclass(frozen=True, eq=False)
class Assignment:
    """A partial one-to-one assignment.

    Attributes
    ----------
    edges : ndarray of int64
        Rows of the edge list that were chosen, sorted.
    weight : float
        Sum of their weights.
    objective : int
        Sum of their integer weights (with tie-breaking units): what exact solvers agree on to the unit.
    """

    edges: NDArray[np.int64]
    weight: float
    objective: int


@dataclass(frozen=True, eq=False)
class _Graph:
    """Edges with compact ends, in ascending order of integer weight."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    units: NDArray[np.int64]
    lefts: int
    rights: int

    def take(self, keep: NDArray[np.int64] | NDArray[np.bool_]) -> _Graph:
        return _Graph(self.left[keep], self.right[keep], self.units[keep], self.lefts, self.rights)


def assign(left: ArrayLike, right: ArrayLike, weight: ArrayLike, method: Method = "optimum") -> Assignment:
    """Choose edges of greatest total weight so that no end is used twice.

    Parameters
    ----------
    left, right : array_like of int
        Shape (m,): identifiers of the two ends of each edge; a pair occurs once.
    weight : array_like of float
        Shape (m,): above 0 and at most 1,024; natural log-likelihood ratio plus log prior odds.
    method : str
        ``optimum`` (exact: reduction, then flow), ``flow`` (exact: min-cost flow alone), ``components``
        (exact: connected components, dense assignment each), ``sparse`` (exact: SciPy's full matching with
        a dummy for each left end); ``greedy`` (heaviest edge first) and ``mutual`` (only pairs that are
        each other's best) are no optima.

    Returns
    -------
    Assignment
        Depends on the set of edges alone: neither on the order of rows nor on other components. Equal
        weights are told apart by a hash of the two identifiers.

    Raises
    ------
    TableError
        For arrays of unequal length, a weight that is not in (0, 1024], or a pair that occurs twice.
    SettingsError
        For an unknown method, or a component too large for ``components``.

    Notes
    -----
    ``optimum``: O(m log m) for the sort, O(m) a round of reduction, and the flow over the remainder.
    Memory: about 100 B an edge.

    Examples
    --------
    >>> assign([1, 1, 2], [7, 8, 7], [5.0, 4.0, 3.0]).edges
    array([1, 2])
    >>> assign([1, 1, 2], [7, 8, 7], [5.0, 4.0, 3.0], "greedy").edges
    array([0])
    """
    a, b = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    w = np.asarray(weight, dtype=np.float64)
    if method not in get_args(Method):
        raise SettingsError(f"assignment method {method!r}", allowed=", ".join(get_args(Method)))
    if not (a.ndim == b.ndim == w.ndim == 1 and len(a) == len(b) == len(w)):
        raise TableError(f"edges of shapes {a.shape}, {b.shape} and {w.shape}", allowed="three equal lengths")
    if not len(w):
        return Assignment(np.empty(0, dtype=np.int64), 0.0, 0)
    bad = ~((w > 0) & (w <= _MAX_WEIGHT))
    if bad.any():
        row = int(bad.argmax())
        raise TableError(
            f"edge {row} ({a[row]}, {b[row]}) weighs {w[row]}",
            allowed="above 0 and at most 1024",
            remedy="prune such edges: they cannot enter an optimum" if w[row] <= 0 else "cap the evidence",
        )
    units = (np.rint(w * SCALE).astype(np.int64) << _TIE_BITS) + _tie_units(a, b)
    order = np.lexsort((b, a, units))
    left_names, compact_left = np.unique(a, return_inverse=True)
    right_names, compact_right = np.unique(b, return_inverse=True)
    pair = compact_left * len(right_names) + compact_right
    if len(np.unique(pair)) != len(pair):
        values, counts = np.unique(pair, return_counts=True)
        first = int(values[counts > 1][0])
        twice = left_names[first // len(right_names)], right_names[first % len(right_names)]
        raise TableError(f"edge ({twice[0]}, {twice[1]}) occurs twice", remedy="keep one row for each pair")
    graph = _Graph(compact_left, compact_right, units, len(left_names), len(right_names)).take(order)
    chosen = np.sort(order[_SOLVERS[method](graph)])
    return Assignment(chosen, math.fsum(w[chosen]), int(units[chosen].sum()))


def _tie_units(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each pair its own small integer in [1, 2^20): splitmix64 finaliser (Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        x = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + b.astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = (x ^ (x >> np.uint64(31))) >> np.uint64(64 - _TIE_BITS)
    return np.maximum(mixed.astype(np.int64), 1)


def _heaviest(g: _Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the row of each left's and each right's heaviest edge (units ascend, so the last one wins)."""
    rows = np.arange(len(g.units))
    best_left, best_right = np.full(g.lefts, -1), np.full(g.rights, -1)
    best_left[g.left] = rows
    best_right[g.right] = rows
    return best_left, best_right


def _mutual(g: _Graph) -> NDArray[np.int64]:
    best_left, best_right = _heaviest(g)
    rows = np.arange(len(g.units))
    return np.flatnonzero((best_left[g.left] == rows) & (best_right[g.right] == rows))


def _rounds(
    g: _Graph, pick: Callable[[_Graph], NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pick edges, remove their ends' other edges, and again; give picked rows and rows left over."""
    left_over = np.arange(len(g.units))
    picked: list[NDArray[np.int64]] = []
    while len(left_over):
        part = g.take(left_over)
        found = pick(part)
        if not len(found):
            break
        picked.append(left_over[found])
        gone_left, gone_right = np.zeros(g.lefts, dtype=bool), np.zeros(g.rights, dtype=bool)
        gone_left[part.left[found]] = True
        gone_right[part.right[found]] = True
        left_over = left_over[~(gone_left[part.left] | gone_right[part.right])]
    return np.concatenate(picked) if picked else np.empty(0, dtype=np.int64), left_over


def _greedy(g: _Graph) -> NDArray[np.int64]:
    # With distinct weights, taking mutual bests round after round is the heaviest-first greedy.
    return _rounds(g, _mutual)[0]


def _dominant(g: _Graph) -> NDArray[np.int64]:
    """Give mutual bests that outweigh the next best edges of both ends together."""
    rows = np.arange(len(g.units))
    best_left, best_right = _heaviest(g)
    next_left, next_right = np.zeros(g.lefts, dtype=np.int64), np.zeros(g.rights, dtype=np.int64)
    other = best_left[g.left] != rows
    next_left[g.left[other]] = g.units[other]
    other = best_right[g.right] != rows
    next_right[g.right[other]] = g.units[other]
    mutual = np.flatnonzero((best_left[g.left] == rows) & (best_right[g.right] == rows))
    rivals = next_left[g.left[mutual]] + next_right[g.right[mutual]]
    return mutual[g.units[mutual] >= rivals]


def _optimum(g: _Graph) -> NDArray[np.int64]:
    sure, rest = _rounds(g, _dominant)
    if not len(rest):
        return sure
    return np.concatenate([sure, rest[_flow(g.take(rest))]])


def _flow(g: _Graph) -> NDArray[np.int64]:
    """Min-cost flow: every left end sends one unit, by an edge and its right end or directly, to the sink."""
    from ortools.graph.python import min_cost_flow

    # Rows in the order of the ends, not of the weights: about a tenth faster, and as canonical.
    order = np.lexsort((g.right, g.left))
    lefts, compact_left = np.unique(g.left[order], return_inverse=True)
    rights, compact_right = np.unique(g.right[order], return_inverse=True)
    sink = len(lefts) + len(rights)
    left_nodes = np.arange(len(lefts))
    right_nodes = np.arange(len(lefts), sink)
    tails = np.concatenate([compact_left, left_nodes, right_nodes])
    heads = np.concatenate([compact_right + len(lefts), np.full(sink, sink)])
    costs = np.concatenate([-g.units[order], np.zeros(sink, dtype=np.int64)])
    solver = min_cost_flow.SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(tails, heads, np.ones(len(tails), np.int64), costs)
    solver.set_nodes_supplies(left_nodes, np.ones(len(lefts), dtype=np.int64))
    solver.set_node_supply(sink, -len(lefts))
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise ResultsError(
            f"min-cost flow over {len(order)} edges ended with {status}",
            allowed="an optimum",
            remedy="lower the largest weights or prune the weakest edges",
        )
    carried: NDArray[np.int64] = solver.flows(arcs[: len(order)])
    return order[carried > 0]


def _components(g: _Graph) -> NDArray[np.int64]:
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes = g.lefts + g.rights
    links = coo_array((np.ones(len(g.units), np.int8), (g.left, g.right + g.lefts)), shape=(nodes, nodes))
    labels = connected_components(links, directed=False)[1][g.left]
    order = np.argsort(labels, kind="stable")
    picked = []
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        lefts, a = np.unique(g.left[rows], return_inverse=True)
        rights, b = np.unique(g.right[rows], return_inverse=True)
        if len(lefts) * len(rights) > _MAX_CELLS:
            raise SettingsError(
                f"a component of {len(lefts)} by {len(rights)} ends",
                allowed=f"{_MAX_CELLS} cells",
                remedy="use the method 'optimum'",
            )
        table = np.zeros((len(lefts), len(rights)))
        table[a, b] = g.units[rows]
        at = np.full(table.shape, -1)
        at[a, b] = rows
        i, j = linear_sum_assignment(table, maximize=True)
        picked.append(at[i, j][at[i, j] >= 0])
    return np.concatenate(picked)


def _sparse(g: _Graph) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    ceiling = float(g.units.max() + 1)
    lefts = np.arange(g.lefts)
    costs = np.concatenate([ceiling - g.units, np.full(g.lefts, ceiling)])
    rows, columns = np.concatenate([g.left, lefts]), np.concatenate([g.right, g.rights + lefts])
    table = coo_array((costs, (rows, columns)), shape=(g.lefts, g.rights + g.lefts)).tocsr()
    i, j = min_weight_full_bipartite_matching(table)
    partner = np.full(g.lefts, -1)
    partner[i] = j
    return np.flatnonzero(partner[g.left] == g.right)


_SOLVERS: dict[str, Callable[[_Graph], NDArray[np.int64]]] = {
    "optimum": _optimum,
    "flow": _flow,
    "components": _components,
    "sparse": _sparse,
    "greedy": _greedy,
    "mutual": _mutual,
}
