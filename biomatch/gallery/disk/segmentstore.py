"""Templates in the segments of a folder, memory-mapped: a gallery may be larger than memory.

Small segments are merged as they come, so a row is written a logarithmic number of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.gallery.disk.contents import TEMPLATES, Entry
from biomatch.gallery.disk.folder import Folder
from biomatch.gallery.memory.store import Stretch

SEGMENT_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive rows whose templates lie in one file."""

    name: str
    templates: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.templates)


@dataclass(frozen=True, eq=False)
class SegmentStore:
    """Templates in segments; a next store shares the segments that stay the same.

    Attributes
    ----------
    folder : Folder
        Where they lie.
    dimension : int
        d.
    segments : tuple of Segment
        In row order.
    files : mapping of str to Entry
        Every file of the segments that has been written.
    """

    folder: Folder
    dimension: int
    segments: tuple[Segment, ...] = ()
    files: Mapping[str, Entry] = field(default_factory=dict)

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates; see `Store`."""
        firsts = accumulate((len(segment) for segment in self.segments), initial=0)
        return [(first, segment.templates) for first, segment in zip(firsts, self.segments, strict=False)]

    def pieces(self) -> list[NDArray[Any]]:
        """Give what holds templates in memory: nothing; files are overwritten by their folder."""
        return []

    def appended(self, templates: NDArray[np.float32]) -> SegmentStore:
        """Give a store with more templates at the end, merged with the small segments that stand there."""
        segments, files = list(self.segments), dict(self.files)
        for begin in range(0, len(templates), SEGMENT_ROWS):
            pieces = [templates[begin : begin + SEGMENT_ROWS]]
            size = len(pieces[0])
            while segments and len(segments[-1]) < 2 * size:
                if len(segments[-1]) + size > SEGMENT_ROWS:
                    break
                size += len(segments[-1])
                pieces.insert(0, segments.pop().templates)
            segments.append(self.write(pieces, files))
        return SegmentStore(self.folder, self.dimension, tuple(segments), files)

    def kept(self, rows: NDArray[np.int64]) -> SegmentStore:
        """Give a store of these rows (ascending): segments that lose some are written anew and merged."""
        segments: list[Segment] = []
        files = dict(self.files)
        waiting: list[NDArray[np.float32]] = []

        def flush() -> None:
            if waiting:
                segments.append(self.write(waiting, files))
                waiting.clear()

        for (first, _), segment in zip(self.stretches(), self.segments, strict=True):
            begin, end = np.searchsorted(rows, [first, first + len(segment)])
            count = int(end - begin)
            if count == len(segment) and (not waiting or count > SEGMENT_ROWS // 2):
                flush()
                segments.append(segment)
            elif count:
                if sum(map(len, waiting)) + count > SEGMENT_ROWS:
                    flush()
                waiting.append(segment.templates.take(rows[begin:end] - first, axis=0))
        flush()
        return SegmentStore(self.folder, self.dimension, tuple(segments), files)

    def write(self, pieces: list[NDArray[np.float32]], files: dict[str, Entry]) -> Segment:
        """Write templates into a segment of their own and map it."""
        name = self.folder.new_name("segment")
        rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        entry = files[name + TEMPLATES] = self.folder.write(name + TEMPLATES, rows)
        return self.map(name, len(rows), entry, check=False)

    def map(self, name: str, rows: int, entry: Entry, *, check: bool) -> Segment:
        """Memory-map a segment."""
        shape = (rows, self.dimension)
        mapped = self.folder.place.array(name + TEMPLATES, entry, np.float32, shape, check=check, mapped=True)
        return Segment(name, mapped)
