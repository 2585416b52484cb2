"""Scores and candidate lists that somebody else produced, in the forms that people have."""

from __future__ import annotations

from biomatch.evaluation.scorefiles.accumulator import ScoreAccumulator, accumulate
from biomatch.evaluation.scorefiles.found import FORMATS, ScoreFile, read_scores
from biomatch.evaluation.scorefiles.streamed import StreamedComparisons, stream_scores

__all__ = [
    "FORMATS",
    "ScoreAccumulator",
    "ScoreFile",
    "StreamedComparisons",
    "accumulate",
    "read_scores",
    "stream_scores",
]
