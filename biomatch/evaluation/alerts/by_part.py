"""Where the alerts of a curve arose: scores by port or mode, for thresholds that differ between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.policy import accept

FIELDS = ("port", "mode")
"""Observed fields of an encounter by which thresholds of alerts may differ."""
ELSEWHERE = ""
"""Label of alerts that arose at no recorded encounter: only the default threshold is theirs."""


@dataclass(frozen=True, eq=False)
class AlertParts:
    """A curve's alerts by the port or mode of the encounter at which each arose.

    Attributes
    ----------
    labels : tuple of str
        The p ports or modes with a counted encounter, sorted.
    event_scores : ndarray of float64
        Shape (k, p): for each event the highest score of an alert that touches it and arose there;
        -inf: none. An event at one port can be touched by an alert at another.
    honest : ndarray of int64
        Shape (m,): place in `labels` of each honest encounter.
    """

    labels: tuple[str, ...]
    event_scores: NDArray[np.float64]
    honest: NDArray[np.int64]

    @property
    def owners(self) -> NDArray[np.int64]:
        """Shape (k,): part of each event's highest alert (of equal ones the first); -1: none touches it."""
        if not self.labels or not len(self.event_scores):
            return np.full(len(self.event_scores), -1)
        touched = ~np.isneginf(self.event_scores).all(axis=1)
        return np.where(touched, self.event_scores.argmax(axis=1), -1)

    def thresholds(self, by: Mapping[str, float], default: float) -> NDArray[np.float64]:
        """Give the threshold of each label, shape (p,)."""
        return np.array([by.get(label, default) for label in self.labels], dtype=np.float64)

    def caught(self, thresholds: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which events some alert touches that reaches the threshold of its own part; shape (k,)."""
        return np.asarray(accept(self.event_scores, thresholds[None, :]).any(axis=1))

    def stopped(self, scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which honest encounters, whose scores are given, are stopped; shape (m,)."""
        if not self.labels:
            return np.zeros(len(scores), dtype=np.bool_)
        return accept(scores, thresholds[self.honest])

    def of(self, events: NDArray[np.bool_]) -> AlertParts:
        """Keep only some events."""
        return AlertParts(self.labels, self.event_scores[events], self.honest)


def parts_of(
    field: str,
    touching: pl.DataFrame,
    events: pl.Series,
    honest: pl.Series,
    encounters: pl.DataFrame,
) -> AlertParts:
    """Break scores down by a field of the encounter.

    Parameters
    ----------
    field : str
        One of `FIELDS`.
    touching : polars.DataFrame
        event_id, encounter_id, value: each alert with each event that it touches.
    events, honest : polars.Series
        event_id of the counted events, encounter_id of the honest encounters, in the curve's order.
    encounters : polars.DataFrame
        The observed encounters.
    """
    where = encounters.select("encounter_id", label=pl.col(field).cast(pl.String))
    left: dict[str, Any] = {"how": "left", "maintain_order": "left"}
    of_honest = honest.to_frame("encounter_id").join(where, on="encounter_id", **left)["label"]
    placed = touching.join(where, on="encounter_id", **left).with_columns(
        pl.col("label").fill_null(ELSEWHERE)
    )
    best = placed.group_by("event_id", "label").agg(pl.col("value").max())
    best = events.to_frame("event_id").with_row_index("row").join(best, on="event_id")
    labels = tuple(sorted({*of_honest, *best["label"]}))
    place = {label: at for at, label in enumerate(labels)}
    scores = np.full((len(events), len(labels)), -np.inf)
    columns = best["label"].replace_strict(place, return_dtype=pl.Int64) if len(best) else best["row"]
    scores[best["row"].to_numpy(), columns.to_numpy()] = best["value"].to_numpy()
    codes = of_honest.replace_strict(place, return_dtype=pl.Int64).to_numpy() if len(honest) else np.zeros(0)
    return AlertParts(labels, scores, codes.astype(np.int64))


def joined(catches: Sequence[AlertParts], stops: Sequence[AlertParts]) -> AlertParts:
    """Put parts of several worlds together: events of some, honest encounters of others."""
    labels = tuple(sorted({label for one in (*catches, *stops) for label in one.labels}))
    place = {label: at for at, label in enumerate(labels)}

    def moved(one: AlertParts) -> NDArray[np.int64]:
        return np.array([place[label] for label in one.labels], dtype=np.int64)

    scores = [np.full((len(one.event_scores), len(labels)), -np.inf) for one in catches]
    for wide, one in zip(scores, catches, strict=True):
        wide[:, moved(one)] = one.event_scores
    honest = [moved(one)[one.honest] if one.labels else one.honest for one in stops]
    return AlertParts(
        labels,
        np.concatenate(scores) if scores else np.zeros((0, len(labels))),
        np.concatenate(honest) if honest else np.zeros(0, dtype=np.int64),
    )
