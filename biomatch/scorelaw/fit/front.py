"""Fitting from Python: templates in, a face profile with its goodness of fit out."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import ArrayLike

from biomatch.errors import TableError
from biomatch.scorelaw.fit.report import Fitted, fit_embeddings
from biomatch.tables.embeddings import given_array, given_labels, unit_rows


def fit(
    templates: ArrayLike,
    labels: ArrayLike,
    name: str = "own",
    *,
    first_enrolled: bool = False,
    centre: bool = False,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Fitted:
    """Fit a face profile, the synthetic twin of a matcher, to one's own templates.

    Parameters
    ----------
    templates : array_like
        Shape (n, d), float32; rows are made unit length.
    labels : array_like
        Shape (n,): who each row is; two rows or more of most people.
    name : str
        The profile's name.
    first_enrolled : bool
        Whether the first row of each label is its enrolled image and the others are probes.
    centre : bool
        Whether to subtract the mean template first, where a network's templates all lean one way; the profile
        keeps it as ``.centre``.
    seed : int
        Splits the people into those that are fitted and those that the fit is checked on.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    Fitted
        ``.profile`` for `bm.predict` and scenarios, ``.goodness`` with warnings.

    Raises
    ------
    TableError
        For templates that cannot be used, or too few people.

    Examples
    --------
    >>> import numpy as np
    >>> import biomatch as bm
    >>> random = np.random.default_rng(1)
    >>> people = random.normal(size=(60, 64))
    >>> templates = np.repeat(people, 3, axis=0) + 0.6 * random.normal(size=(180, 64))
    >>> fitted = bm.fit(templates, np.repeat(np.arange(60), 3), name="mine")
    >>> fitted.profile.name, fitted.sample.identities
    ('mine', 60)
    """
    rows, names = given_array(templates, "the templates"), given_labels(labels, "the templates")
    if rows.ndim != 2 or names.shape != rows.shape[:1]:
        raise TableError(
            f"templates of shape {rows.shape} and labels of shape {names.shape}", allowed="(n, d) and (n,)"
        )
    return fit_embeddings(
        unit_rows(rows, "the templates"), names, name, seed, progress, first_enrolled, centre
    )
