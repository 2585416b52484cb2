"""Images that spoil a fit, by name: duplicates, people under two labels, mates like strangers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import SettingsError, TableError
from biomatch.scorelaw.law import ScoreLaw
from biomatch.scorelaw.nonmated import THRESHOLDS
from biomatch.streams import stream

Vectors = NDArray[np.float32]
BLOCK = 512
SAME_IMAGE = 1.0 - 2e-6
"""Cosine from which two embeddings are one image: float32 rounding, nothing else, comes so close."""
EXPECTED = 0.5
"""Comparisons that the fitted law itself expects beyond the level of a warning, in the whole file."""
STRANGERS_BODY = 0.05
"""A mate that scores where one stranger in twenty does scores like a stranger."""
MOST_IMAGES = 20_000
SHOWN = 10


@dataclass(frozen=True)
class Suspect:
    """Two images whose labels or quality are doubtful.

    Attributes
    ----------
    rows : tuple of int
        Rows of the file, from 0.
    labels : tuple of str
        Their labels.
    score : float
        Cosine of the two, in [-1, 1].
    """

    rows: tuple[int, int]
    labels: tuple[str, str]
    score: float

    def to_json(self) -> dict[str, object]:
        """Give plain values."""
        return {"rows": list(self.rows), "labels": list(self.labels), "score": self.score}

    def __str__(self) -> str:
        (a, b), (one, other) = self.rows, self.labels
        who = f"label {one!r}" if one == other else f"labels {one!r} and {other!r}"
        return f"rows {a} and {b} ({who}, score {self.score:.3f})"


@dataclass(frozen=True)
class Suspects:
    """What a look at all images found.

    Attributes
    ----------
    alike : tuple of Suspect
        For each two labels whose images score like mates: their best pair of images; highest score first.
    unlike : tuple of Suspect
        Images that match none of their label: each with the best of its mates; lowest score first.
    alike_from, unlike_below : float
        Levels: beyond them the fitted law expects less than half a comparison in the whole file.
    """

    alike: tuple[Suspect, ...] = ()
    unlike: tuple[Suspect, ...] = ()
    alike_from: float = 1.0
    unlike_below: float = -1.0

    def warning(self) -> str:
        """Say which labels are doubtful; empty where none is."""
        if not self.alike:
            return ""
        return (
            f"{len(self.alike):,} pair(s) of labels score like one person (from {self.alike_from:.3f} on, "
            "where the fitted law expects none): look for people under two labels, or twins; a wrong label "
            f"stays a false match at every threshold. {_listed(self.alike)}"
        )

    def note(self) -> str:
        """Say which images match none of their label; empty where all do. The fit counts them as unusable."""
        if not self.unlike:
            return ""
        return (
            f"{len(self.unlike):,} image(s) score like strangers with every other of their label (below "
            f"{self.unlike_below:.3f}): unusable, or mislabelled. {_listed(self.unlike)}"
        )

    def to_json(self) -> dict[str, object]:
        """Give plain values; every suspect, not only those that are printed."""
        return {
            "alike": [one.to_json() for one in self.alike],
            "unlike": [one.to_json() for one in self.unlike],
            "alike_from": self.alike_from,
            "unlike_below": self.unlike_below,
        }


def _listed(found: tuple[Suspect, ...]) -> str:
    text = "; ".join(map(str, found[:SHOWN]))
    rest = len(found) - SHOWN
    return f"{text}; and {rest:,} more (--json has all)." if rest > 0 else f"{text}."


def check_duplicates(templates: Vectors, labels: NDArray[np.str_]) -> None:
    """Refuse images that stand twice, under one label or several: both spoil a score law.

    Raises
    ------
    TableError
        Once for all of them.
    """
    # Equal images have equal projections: sort along a random direction and compare near neighbours only.
    direction = stream(0, "fit.duplicates").standard_normal((templates.shape[1], 1)).astype(np.float32)
    along = (templates @ direction)[:, 0]
    order = np.argsort(along, kind="stable")
    twice: list[tuple[int, int]] = []
    wrong: list[tuple[int, int]] = []
    for step in range(1, 4):
        one, other = order[:-step], order[step:]
        close = np.flatnonzero(np.abs(along[one] - along[other]) < 1e-3)
        cosine = portable.pair_sums(templates[one[close]], templates[other[close]])
        for at in close[cosine >= SAME_IMAGE]:
            a, b = sorted((int(one[at]), int(other[at])))
            (twice if labels[a] == labels[b] else wrong).append((a, b))
    if not twice and not wrong:
        return
    parts = []
    if wrong:
        parts.append(
            "one image under two labels: "
            + _few([f"rows {a} and {b} ({str(labels[a])!r}, {str(labels[b])!r})" for a, b in sorted(wrong)])
        )
    if twice:
        parts.append(
            "one image twice: "
            + _few([f"rows {a} and {b} (label {str(labels[a])!r})" for a, b in sorted(twice)])
        )
    remedy = "correct the labels, or leave both out: a wrong label is a false match for ever"
    raise TableError(
        "; ".join(parts),
        allowed="every image once",
        remedy=remedy if wrong else "leave one of each out: an image compared with itself is no mated score",
    )


def _few(items: list[str], most: int = 30) -> str:
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def find_suspects(templates: Vectors, labels: NDArray[np.str_], law: ScoreLaw, median: float) -> Suspects:
    """Compare all images, and name those that the fitted law cannot explain.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows; of more than `MOST_IMAGES` the first are looked at.
    labels : ndarray
        Shape (n,), text.
    law : ScoreLaw
        Of the fitted profile: it tells how strong the matcher is.
    median : float
        Median mated score; no pair of labels is suspected below it.
    """
    templates, labels = templates[:MOST_IMAGES], labels[:MOST_IMAGES]
    _, owner = np.unique(labels, return_inverse=True)
    images = len(templates)
    pairs = images * (images - 1) / 2.0
    level = max(median, _beyond(law, EXPECTED / max(pairs, 1.0)))
    alike = _alike(templates, labels, owner, level)
    each = np.bincount(owner)
    low = min(_like_strangers(law), _below(law, EXPECTED / max(int(each[each > 1].sum()), 1)))
    return Suspects(alike, _unlike(templates, labels, owner, low), level, low)


def _beyond(law: ScoreLaw, rate: float) -> float:
    """Threshold with that false match rate; 2, above all scores, where the law does not reach it."""
    try:
        return law.threshold_at_fmr(rate)
    except SettingsError:
        return 2.0


def _like_strangers(law: ScoreLaw) -> float:
    """Threshold that `STRANGERS_BODY` of the strangers reach; the table's lowest where that lies below."""
    try:
        return law.threshold_at_fmr(STRANGERS_BODY)
    except SettingsError:
        return float(THRESHOLDS[0])


def _below(law: ScoreLaw, rate: float) -> float:
    """Score below which usable mates lie with that chance."""
    usable = ScoreLaw(law.profile.with_({"noise.unusable": 0.0, "noise.unusable_enrolment": 0.0}))
    missed = usable.fnmr(THRESHOLDS)
    return float(THRESHOLDS[max(int(np.searchsorted(missed, rate)) - 1, 0)])


def _alike(
    templates: Vectors, labels: NDArray[np.str_], owner: NDArray[np.int64], level: float
) -> tuple[Suspect, ...]:
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for first in range(0, len(templates), BLOCK):
        part = templates[first : first + BLOCK]
        # A product in float32 finds the few candidates; their scores are then computed exactly.
        rough = part @ templates[first:].T
        for a, b in np.argwhere(rough >= level - 1e-4):
            one, other = first + int(a), first + int(b)
            if one >= other or owner[one] == owner[other]:
                continue
            score = float(portable.pair_sums(templates[one], templates[other]))
            a_person, b_person = int(owner[one]), int(owner[other])
            key = (min(a_person, b_person), max(a_person, b_person))
            if score >= level and score > best.get(key, (-2.0, 0, 0))[0]:
                best[key] = (score, one, other)
    found = [
        Suspect((one, other), (str(labels[one]), str(labels[other])), round(score, 4))
        for score, one, other in best.values()
    ]
    return tuple(sorted(found, key=lambda s: (-s.score, s.rows)))


def _unlike(
    templates: Vectors, labels: NDArray[np.str_], owner: NDArray[np.int64], low: float
) -> tuple[Suspect, ...]:
    found = {}
    order = np.argsort(owner, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(owner))])
    for begin, end in pairwise(start):
        rows = order[begin:end]
        if len(rows) < 2:
            continue
        table = portable.unit_products(templates[rows], templates[rows])
        np.fill_diagonal(table, -2.0)
        nearest = table.argmax(axis=1)
        for at in np.flatnonzero(table[np.arange(len(rows)), nearest] < low):
            pair = tuple(sorted((int(rows[at]), int(rows[nearest[at]]))))
            score = round(float(table[at, nearest[at]]), 4)
            found[pair] = Suspect((pair[0], pair[1]), (str(labels[pair[0]]),) * 2, score)
    return tuple(sorted(found.values(), key=lambda s: (s.score, s.rows)))
