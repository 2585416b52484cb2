"""Scores and candidate lists that somebody else produced, in the forms that people have."""

from __future__ import annotations

from biomatch.scorefiles.accumulator import ScoreAccumulator, accumulate
from biomatch.scorefiles.read import ScoreFile, read_scores
from biomatch.scorefiles.recognise import FORMATS
from biomatch.scorefiles.streamed import StreamedComparisons, stream_scores

__all__ = [
    "FORMATS",
    "ScoreAccumulator",
    "ScoreFile",
    "StreamedComparisons",
    "accumulate",
    "read_scores",
    "stream_scores",
]


def __dir__() -> list[str]:
    return __all__
