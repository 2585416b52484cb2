"""The one call that a world makes: all captures, written block by block into a (mapped) array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch_synthetic.faces.people import People
from biomatch_synthetic.faces.space import Conditions, FaceSpace, Shots

BLOCK, CONDITIONS = 256, 4096
"""Captures made at a time: their vectors stay in the processor's cache."""


def render(
    space: FaceSpace,
    people: People,
    shots: Shots,
    out: NDArray[np.float32],
    out_row: NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Conditions:
    """Take all captures of a world.

    Parameters
    ----------
    space : FaceSpace
        ``FaceSpace(profile, seed=seed)``.
    people : People
        ``People.make(profile, person_id, group=[...], family_id=..., identical_twin_id=...)``.
    shots : Shots
        ``Shots.of(person_id, capture_id, year=..., enrolment=..., camera=..., noise_factor=...,
        second_person_id=...)``, in any order.
    out : ndarray
        Shape (rows, d), float32, for example ``numpy.lib.format.open_memmap(..., mode="w+")``.
    out_row : ndarray, optional
        Shape (n,), int64, distinct rows of `out`, one a capture (shuffle them: a row's place must carry
        no information); default: 0 to n - 1.
    progress : callable, optional
        Called with (captures done, captures in all).

    Returns
    -------
    Conditions
        Noise, usability and quality of each capture, in the order of `shots`.

    Notes
    -----
    Captures are taken in the order of persons, so that a face is made once for all its captures of one
    date. Memory: a few blocks of 256 captures, whatever n is.

    Examples
    --------
    >>> from biomatch.settings.profile import load_profile
    >>> profile = load_profile("visa-border-small")
    >>> space = FaceSpace(profile, seed=1)
    >>> people = People.make(profile, np.arange(3), group=["E-Asia F", "E-Asia M", "W-Africa M"])
    >>> shots = Shots.of(np.array([0, 1, 2, 0]), np.arange(4), year=np.array([0.0, 0.0, 0.0, 8.0]))
    >>> templates = np.empty((4, 128), dtype=np.float32)
    >>> quality = render(space, people, shots, templates).quality
    >>> bool(templates[0] @ templates[3] > 0.5 > templates[0] @ templates[1])
    True
    """
    total = len(shots)
    target = np.arange(total) if out_row is None else np.asarray(out_row, dtype=np.int64)
    if out.dtype != np.float32 or out.ndim != 2 or out.shape[1] != space.dimension:
        raise TableError(
            f"room for templates is {out.dtype} of shape {out.shape}",
            allowed=f"float32 of shape (rows, {space.dimension})",
        )
    if target.shape != (total,) or (total and not (target.min() >= 0 and target.max() < len(out))):
        raise TableError(
            f"{len(target)} rows for {total} captures in an array of {len(out)}",
            allowed="one row inside the array for each capture",
        )
    sigma, usable = np.empty(total), np.empty(total, dtype=np.bool_)
    quality = np.empty(total, dtype=np.float32)
    order = np.lexsort((shots.capture_id, shots.year, shots.person_id))
    for outer in range(0, total, CONDITIONS):
        many = order[outer : outer + CONDITIONS]
        state = space.conditions(people, shots.take(many))
        sigma[many], usable[many], quality[many] = state.sigma, state.usable, state.quality
        for first in range(0, len(many), BLOCK):
            part = slice(first, first + BLOCK)
            rows = many[part]
            out[target[rows]] = space.capture(people, shots.take(rows), state.take(part))
            if progress is not None:
                progress(min(outer + first + BLOCK, total), total)
    return Conditions(sigma, usable, quality)
