"""Who stands behind the names of a trial list: names of images are joined to persons by mated comparisons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.str_]


def persons(
    probes: Names, references: Names, mated: NDArray[np.bool_]
) -> tuple[Names, Names, tuple[str, ...]]:
    """Give the person behind each name, and what was assumed.

    Parameters
    ----------
    probes, references : ndarray
        Shape (n,), text: the names on both sides of each comparison.
    mated : ndarray
        Shape (n,): whether both sides are one person.

    Returns
    -------
    probes, references : ndarray
        Shape (n,), text: as given where mated comparisons have one name on both sides; else the first name
        (in the order of text) of all that mated comparisons join, directly or through others.
    notes : tuple of str
        That names were joined; empty where they were not.

    Notes
    -----
    A list of trials often names images, recordings or models in place of people. Taken for subjects they
    would make every comparison independent, and a guarantee worth less than it says.

    Examples
    --------
    >>> probes, references = np.array(["a1", "a2", "b1"]), np.array(["a2", "a3", "a1"])
    >>> who, whose, notes = persons(probes, references, np.array([True, True, False]))
    >>> who.tolist(), whose.tolist()
    (['a1', 'a1', 'b1'], ['a1', 'a1', 'a1'])
    """
    if not (mated & (probes != references)).any():
        return probes, references, ()
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, places = np.unique(np.concatenate([probes, references]), return_inverse=True)
    left, right = places[: len(probes)], places[len(probes) :]
    pairs = (np.ones(int(mated.sum()), np.int8), (left[mated], right[mated]))
    count, person = connected_components(coo_array(pairs, shape=(names.size, names.size)), directed=False)
    first = np.full(count, names.size)
    np.minimum.at(first, person, np.arange(names.size))
    known = names[first[person]]
    note = (
        "mated comparisons have different names on their two sides, so names are of images: those that mated "
        f"comparisons join count as one subject ({names.size:,} names, {count:,} subjects); where a column "
        "names something else, leave it out with --columns (- skips one)"
    )
    return known[left], known[right], (note,)
