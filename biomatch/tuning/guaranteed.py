"""What a guarantee says, in text and as plain data, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biomatch.decimals import text
from biomatch.rates import Rate

WORTH = "of 60 people compared in all 1,770 pairs, 225 of 1,000 sets broke it instead of 50"
"""Measured by `benchmarks/studies/independence.py`: dependent comparisons pass for independent ones."""


@dataclass(frozen=True)
class Guarantee:
    """What was shown about a threshold, and from how much data.

    Attributes
    ----------
    measure : str
        ``"FPIR"`` or ``"FMR"``.
    target : float
        The true rate is at most this ...
    confidence : float
        ... with this one-sided confidence, over tuning sets drawn as this one was.
    threshold : float
        The threshold with the fewest misses that the data support (of distances a distance), as the shortest
        decimal that decides so.
    realised : Rate
        The tuning set's own rate there.
    bound : float
        One-sided upper bound of the true rate there; at most `target`.
    subjects, subjects_with_errors : int
        Clusters, and those that err at the threshold.
    cap : int
        The most errors that one subject is allowed to make in the worst case that was considered.
    largest : int
        The most trials that one subject made.
    cap_asked : int or None
        The cap that was asked for; `cap` is higher where a subject did make more errors.
    effective : float
        How many equally busy subjects the trials are worth (`biomatch.rates.effective_subjects`).
    named : bool
        Whether subjects were named. If not, every trial was taken as a subject of its own: an assumption.
    both_sides : bool
        Whether the subjects on either side of each comparison were named and heeded.
    distances : bool
        Whether `threshold` is a distance: lower accepts.
    refused : float
        Highest non-mated similarity that is refused (distances negated); -inf: none.
    """

    measure: str
    target: float
    confidence: float
    threshold: float
    realised: Rate
    bound: float
    subjects: int
    subjects_with_errors: int
    cap: int
    largest: int
    cap_asked: int | None = None
    effective: float | None = None
    named: bool = True
    both_sides: bool = False
    distances: bool = False
    refused: float = field(default=-np.inf, compare=False)

    @property
    def independence(self) -> str:
        """What the count of subjects rests on, in a sentence."""
        unit = unit_of(self.measure)
        if self.both_sides:
            return f"the subjects on both sides of each of the {unit} were named: dependence is heeded"
        if self.named:
            return f"the subject of each of the {unit} was named: a subject's errors may hang together"
        worth = f": {WORTH}" if self.measure == "FMR" else ""
        return (
            f"assumed: no subjects were named, so every score was taken as its own subject. Where people "
            f"appear in several {unit} the guarantee is worth less than it says{worth}. Name the subjects"
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain data; the realised rate in the form of every measured rate."""
        return {
            "measure": self.measure,
            "target": self.target,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "realised": self.realised.to_json(),
            "bound": self.bound,
            "subjects": self.subjects,
            "subjects_with_errors": self.subjects_with_errors,
            "errors_a_subject_at_most": self.cap,
            "errors_a_subject_at_most_asked": self.cap_asked,
            "largest_subject": self.largest,
            "effective_subjects": self.effective,
            "independence": self.independence,
            "independence_assumed": not self.named,
            "direction": "distance: accepted at or below the threshold"
            if self.distances
            else "similarity: accepted at or above the threshold",
            "conditional_on": "the gallery",
            "method": "fixed sequence of "
            + (
                "tests for pairs of subjects (Bayesian bootstrap with one imaginary worst subject)"
                if self.both_sides
                else "binomial tests"
                if self.cap == 1
                else "least-favourable-law cluster tests"
            ),
        }

    def __str__(self) -> str:
        closer = " or lower" if self.distances else ""
        people = f"{self.subjects:,} subjects ({self.subjects_with_errors:,} with errors)"
        if not self.named:
            people = (
                f"every score taken as its own subject ({self.subjects:,}, {self.subjects_with_errors:,} "
                "with errors)"
            )
        elif self.effective is not None and round(self.effective) < self.subjects:
            people += f", worth {self.effective:,.0f} equally busy ones"
        raised = ""
        if self.cap_asked is not None and self.cap > self.cap_asked:
            raised = f"; cap {self.cap_asked} raised to {self.cap}, the most errors that one subject made"
        return (
            f"{self.measure} at most {self.target:g} with {self.confidence:.0%} confidence at threshold "
            f"{text(self.threshold)}{closer}: realised {self.realised.numerator:,} of "
            f"{self.realised.denominator:,}, bound {self.bound:.3g}, {people}{raised}"
        )


def unit_of(measure: str) -> str:
    """Name the trials of a rate."""
    return "comparisons" if measure == "FMR" else "searches"
