"""One's own templates through the same gallery and the same judge, from Python."""

from __future__ import annotations

from numpy.typing import ArrayLike

from biomatch.curves.build import IdentificationCurve
from biomatch.errors import TableError
from biomatch.evaluation.own_embeddings import identify_own
from biomatch.tables.embeddings import given_array, given_labels, unit_rows


def identify(
    references: ArrayLike,
    reference_labels: ArrayLike,
    probes: ArrayLike,
    probe_labels: ArrayLike,
    *,
    index: str = "flat",
    list_length: int = 20,
) -> IdentificationCurve:
    """Search one's own templates one-to-many, and judge every threshold.

    Parameters
    ----------
    references, probes : array_like
        Shapes (n, d) and (m, d); rows are made unit length.
    reference_labels, probe_labels : array_like
        Shapes (n,) and (m,): who each row is. A search is mated when its label is among the references'.
    index : str
        Kind of the gallery's index.
    list_length : int
        L, candidates a search.

    Returns
    -------
    IdentificationCurve
        For `bm.tune` and `bm.charts`; people are the clusters of its intervals.

    Raises
    ------
    TableError, ResultsError
        For templates or labels that cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import biomatch as bm
    >>> faces = np.eye(8)
    >>> curve = bm.identify(faces[:6], list("abcdef"), faces[4:], list("efgh"), list_length=3)
    >>> curve.mated, curve.non_mated, curve.fnir(0.9).numerator
    (2, 2, 0)
    """
    of_references = given_labels(reference_labels, "the references")
    of_probes = given_labels(probe_labels, "the probes")
    known = unit_rows(given_array(references, "the references"), "the references")
    asked = unit_rows(given_array(probes, "the probes"), "the probes")
    for rows, names, what in ((known, of_references, "references"), (asked, of_probes, "probes")):
        if names.shape != rows.shape[:1]:
            raise TableError(
                f"labels of shape {names.shape} for {len(rows)} {what}", allowed="one label each"
            )
    return identify_own(known, of_references, asked, of_probes, index=index, list_length=list_length)
