"""A user's own embeddings through the same gallery and the same judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from biomatch.curves.build import IdentificationCurve, identification_curve
from biomatch.curves.identification import EnrolledCounts
from biomatch.errors import ResultsError
from biomatch.gallery import Gallery
from biomatch.gallery.scoring import exact_scores


def same_images(references: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which probes are an enrolled image itself, bit for bit: such a search finds itself.

    Parameters
    ----------
    references, probes : ndarray
        Shapes (n, d) and (m, d), float32.

    Returns
    -------
    ndarray of bool
        Shape (m,).
    """
    known = {row.tobytes() for row in references}
    return np.array([row.tobytes() in known for row in probes], dtype=bool)


def identify_own(
    references: NDArray[np.float32],
    reference_labels: NDArray[np.str_],
    probes: NDArray[np.float32],
    probe_labels: NDArray[np.str_],
    *,
    index: str = "flat",
    list_length: int = 20,
    batch: int = 1024,
) -> IdentificationCurve:
    """Search every probe one-to-many and judge all thresholds.

    Parameters
    ----------
    references, probes : ndarray
        Shapes (n, d) and (m, d), float32, unit rows.
    reference_labels, probe_labels : ndarray of str
        Subjects. A search is mated when its label is among the references'; the best of several
        references of one subject counts.
    index : str
        Kind of the gallery's index.
    list_length : int
        L.
    batch : int
        Probes a call.

    Returns
    -------
    IdentificationCurve
        N counts people, not images; a rank counts candidates, which are images. Subjects are the clusters
        of its intervals.

    Raises
    ------
    ResultsError
        When references and probes differ in dimension.
    """
    if references.shape[1] != probes.shape[1]:
        raise ResultsError(
            f"references have {references.shape[1]} values and probes {probes.shape[1]}",
            allowed="embeddings of one model",
        )
    gallery = Gallery(dimension=references.shape[1], index=index)
    gallery.enrol(np.arange(len(references)), references)
    names, codes = np.unique(np.concatenate([reference_labels, probe_labels]), return_inverse=True)
    of_reference, of_probe = codes[: len(references)], codes[len(references) :]
    order = np.argsort(of_reference, kind="stable")
    low = np.searchsorted(of_reference[order], of_probe, side="left")
    high = np.searchsorted(of_reference[order], of_probe, side="right")
    mated = high > low

    ranks = np.zeros(len(probes), np.int64)
    tops = np.full(len(probes), -np.inf, np.float32)
    for begin in range(0, len(probes), batch):
        part = slice(begin, begin + batch)
        found = gallery.identify(probes[part], list_length=list_length)
        listed = np.where(found.reference_id >= 0, of_reference[np.maximum(found.reference_id, 0)], -1)
        hit = listed == of_probe[part][:, None]
        ranks[part] = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 0)
        tops[part] = found.score[:, 0]

    counts = high - low
    who = np.repeat(np.arange(len(probes)), counts)
    offsets = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    mates = order[np.repeat(low, counts) + offsets]
    own = np.full(len(probes), -np.inf, np.float32)
    np.maximum.at(own, who, exact_scores(probes, who, references, mates))
    curve = identification_curve(
        own[mated],
        ranks[mated],
        tops[~mated],
        enrolled_count=len(references),
        list_length=list_length,
        mated_subjects=names[of_probe[mated]],
        non_mated_subjects=names[of_probe[~mated]],
    )
    people = int(np.unique(of_reference).size)
    return replace(curve, enrolled_counts=EnrolledCounts(people, people, people))
