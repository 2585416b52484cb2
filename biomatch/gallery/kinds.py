"""The kinds of index, and what is set for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.coding.mates import MatedScores
from biomatch.gallery.coding.rerank import STORE_KINDS, StoreKind
from biomatch.gallery.door import checked_templates
from biomatch.gallery.flat import FlatIndex
from biomatch.gallery.memory.local import Index
from biomatch.registry import INDEXES

IndexKind = str
"""One of `KINDS`, or a name that `register_index` was given."""
KINDS = ("flat", "compressed", "milvus", "auto")
MOST_DIMENSION = 1 << 16


@dataclass(frozen=True, eq=False)
class Options:
    """What a gallery was made with; see `biomatch.gallery.Gallery`."""

    kind: IndexKind
    dimension: int
    threads: int
    floor_score: float | None
    loss_budget: float
    rank_from: StoreKind
    training: NDArray[np.float32] | None = None
    at_floor: bool = False
    mated_scores: MatedScores | None = None

    def __post_init__(self) -> None:
        number = self.dimension
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise GalleryError(f"dimension = {number!r:.80}", allowed="a whole number from 1")
        if not 1 <= number <= MOST_DIMENSION:
            raise GalleryError(f"dimension = {number!r:.80}", allowed=f"1 to {MOST_DIMENSION}")
        if self.kind not in KINDS and self.kind not in INDEXES:
            allowed = ", ".join([*KINDS, *INDEXES])
            raise GalleryError(f"index = {self.kind!r:.80}", allowed=allowed)
        if self.rank_from not in STORE_KINDS:
            raise GalleryError(f"rank_from = {self.rank_from!r:.80}", allowed=", ".join(STORE_KINDS))
        if not _is_number(self.loss_budget) or not 0 < self.loss_budget < 1:
            raise GalleryError(f"loss_budget = {self.loss_budget!r:.80}", allowed="a chance between 0 and 1")
        if not isinstance(self.at_floor, bool):
            raise GalleryError(f"at_floor = {self.at_floor!r:.80}", allowed="True, False")
        if self.mated_scores is not None and not isinstance(self.mated_scores, MatedScores):
            raise GalleryError(
                f"mated_scores = {self.mated_scores!r:.80}",
                allowed="a biomatch.gallery.MatedScores",
            )
        object.__setattr__(self, "dimension", int(number))
        object.__setattr__(self, "floor_score", checked_floor(self.floor_score))
        if self.training is not None:
            clean = checked_templates(self.training, self.dimension, "training templates")
            object.__setattr__(self, "training", clean)

    def settings(self) -> dict[str, Any]:
        """Give what a folder says of its index, in plain data."""
        return {
            "index": self.kind,
            "dimension": self.dimension,
            "floor_score": self.floor_score,
            "loss_budget": self.loss_budget,
            "rank_from": self.rank_from,
            "at_floor": self.at_floor,
            "mated_scores": None if self.mated_scores is None else self.mated_scores.plain(),
            "biomatch": version("biomatch"),
        }

    def index(self) -> Index:
        """Make an index that knows of no rows."""
        if self.kind == "flat":
            return FlatIndex()
        if self.kind not in KINDS:
            made: Index = INDEXES.get(self.kind)(
                self.dimension,
                threads=self.threads,
                floor_score=self.floor_score,
                loss_budget=self.loss_budget,
                rank_from=self.rank_from,
                training=self.training,
            )
            return made
        # FAISS is loaded only by who searches with it.
        from biomatch.gallery.auto import AutoIndex
        from biomatch.gallery.coding.compressed import CompressedIndex

        def compressed() -> CompressedIndex:
            return CompressedIndex(
                self.dimension,
                threads=self.threads,
                floor_score=self.floor_score,
                loss_budget=self.loss_budget,
                rank_from=self.rank_from,
                training=self.training,
                at_floor=self.at_floor,
                mated_scores=self.mated_scores,
            )

        return compressed() if self.kind == "compressed" else AutoIndex(self.dimension, compressed)


def _is_number(value: Any) -> bool:
    numeric = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return numeric and math.isfinite(value)


def checked_floor(score: float | None) -> float | None:
    """Check a comparison score: a cosine, or None."""
    if score is None:
        return None
    if not _is_number(score) or not -1 <= score <= 1:
        raise GalleryError(f"score {score!r:.80}", allowed="a cosine, -1 to 1")
    return float(score)
