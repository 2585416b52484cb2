"""A gallery on disk: every change is on the disk, whole, when the call returns.

Templates lie in segments of up to 65,536 rows, memory-mapped, so a gallery may be larger than memory.
Small segments are merged as they come, so a row is written a logarithmic number of times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.codes import code_bytes, codebook_shape
from biomatch.gallery.door import checked_templates
from biomatch.gallery.folder import Folder
from biomatch.gallery.local import Index, LocalGallery
from biomatch.gallery.register import RECORD
from biomatch.gallery.store import Stretch, taken

SEGMENT_ROWS = 1 << 16
TEMPLATES, REGISTER, CODES = ".templates.npy", ".register.npy", ".codes.npy"


@dataclass(frozen=True)
class Segment:
    """Consecutive rows whose templates lie in one file."""

    name: str
    templates: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.templates)


class SegmentStore:
    """Templates in the segments of a folder."""

    def __init__(self, folder: Folder, dimension: int) -> None:
        self.folder, self.dimension = folder, dimension
        self.segments: list[Segment] = []
        self.next_number = int(folder.about.get("next", 0))

    def stretches(self) -> Sequence[Stretch]:
        """Give the templates; see `Store`."""
        firsts = accumulate((len(segment) for segment in self.segments), initial=0)
        return [(first, segment.templates) for first, segment in zip(firsts, self.segments, strict=False)]

    def new_name(self, what: str) -> str:
        """Give a name that no file had before."""
        self.next_number += 1
        return f"{what}-{self.next_number:08d}"

    def write(self, pieces: list[NDArray[np.float32]]) -> Segment:
        """Write templates into a segment of their own."""
        name = self.new_name("segment")
        rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self.folder.write(name + TEMPLATES, rows)
        return self.map(name, len(rows))

    def map(self, name: str, rows: int) -> Segment:
        """Memory-map a segment."""
        mapped = self.folder.array(name + TEMPLATES, np.float32, (rows, self.dimension))
        return Segment(name, mapped.view(np.ndarray))  # a plain array: memmap's own type is slow to slice

    def append(self, templates: NDArray[np.float32]) -> None:
        """Add templates at the end, merged with the small segments that stand there."""
        for begin in range(0, len(templates), SEGMENT_ROWS):
            pieces = [templates[begin : begin + SEGMENT_ROWS]]
            size = len(pieces[0])
            while self.segments and len(self.segments[-1]) < 2 * size:
                if len(self.segments[-1]) + size > SEGMENT_ROWS:
                    break
                size += len(self.segments[-1])
                pieces.insert(0, self.segments.pop().templates)
            self.segments.append(self.write(pieces))

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep these rows (ascending): segments that lose some are written anew, neighbours merged."""
        before, firsts = self.segments, [first for first, _ in self.stretches()]
        self.segments = []
        waiting: list[NDArray[np.float32]] = []
        for first, segment in zip(firsts, before, strict=True):
            kept = rows[(rows >= first) & (rows < first + len(segment))] - first
            if len(kept) == len(segment) and (not waiting or len(kept) > SEGMENT_ROWS // 2):
                self._flush(waiting)
                self.segments.append(segment)
            elif len(kept):
                if sum(map(len, waiting)) + len(kept) > SEGMENT_ROWS:
                    self._flush(waiting)
                waiting.append(segment.templates.take(kept, axis=0))
        self._flush(waiting)

    def _flush(self, waiting: list[NDArray[np.float32]]) -> None:
        if waiting:
            self.segments.append(self.write(waiting))
            waiting.clear()


class StoredGallery(LocalGallery):
    """A gallery in a folder. Arguments have passed the door."""

    store: SegmentStore

    def __init__(self, folder: Folder, dimension: int, index: Index, settings: dict[str, Any]) -> None:
        super().__init__(dimension, index, SegmentStore(folder, dimension))
        self.folder, self.settings = folder, settings
        self._broken = False
        self._retired_name, self._codebook_name = "", ""
        self._retired_rows = 0

    # -- opening ------------------------------------------------------------------------------------

    def load(self, *, full: bool) -> None:
        """Take up what the folder holds, after checking it.

        Parameters
        ----------
        full : bool
            Whether templates are read and checked too (hash, finite, unit length); everything else
            always is.
        """
        about, folder = self.folder.about, self.folder
        try:
            entries = [(str(entry["name"]), int(entry["rows"])) for entry in about["segments"]]
            self._retired_name, self._codebook_name = str(about["retired"]), str(about["codebook"])
            names = {key: list(about["names"][key]) for key in ("port", "kind")}
        except (KeyError, TypeError, ValueError) as fault:
            raise GalleryError(
                f"{folder.path} lacks {fault} in its contents",
                remedy="take a copy of the gallery that is whole",
            ) from None
        folder.check(name for name in folder.files if full or not name.endswith(TEMPLATES))
        self.store.segments = [self.store.map(name, rows) for name, rows in entries]
        total = sum(rows for _, rows in entries)
        if full:
            for segment in self.store.segments:
                checked_templates(segment.templates, self.dimension, f"templates of {segment.name}")
        records = [folder.array(name + REGISTER, RECORD, (rows,)) for name, rows in entries]
        bits = folder.array(self._retired_name + ".npy", np.uint8, (-(-total // 8),))
        retired = np.unpackbits(np.asarray(bits), count=total).astype(np.bool_)
        self.register.load(np.concatenate([np.empty(0, RECORD), *records]), names, ~retired)
        codebook, codes = None, []
        if self._codebook_name:
            shape = codebook_shape(self.dimension)
            codebook = folder.array(f"{self._codebook_name}.npy", np.float32, shape)
            width = code_bytes(self.dimension)
            codes = [folder.array(name + CODES, np.uint8, (rows, width)) for name, rows in entries]
        self.index.restore(self.store, codebook, codes)
        self._retired_rows = total

    # -- changing -----------------------------------------------------------------------------------

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Change memory, then the folder; after a failure only the folder is to be trusted."""
        if self._broken:
            raise GalleryError(
                f"an earlier change of {self.folder.path} failed", remedy="open the gallery again"
            )
        try:
            yield
            self._commit()
        except BaseException as fault:
            self._broken = True
            if isinstance(fault, OSError):
                raise GalleryError(
                    f"{self.folder.path} could not be written ({fault.strerror or fault})",
                    remedy="free space, then open it again: the folder holds the last whole state",
                ) from fault
            raise

    def create(self) -> None:
        """Write the folder of an empty gallery."""
        with self._change():
            pass

    def enrol(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> None:
        """Add references."""
        self.register.refuse_enrolled(ids)
        with self._change():
            super().enrol(ids, templates, **about)

    def retire(self, ids: NDArray[np.int64]) -> None:
        """Take references out of every later search."""
        rows = self.register.enrolled_rows(ids)
        with self._change():
            self.register.retire(rows)
            self._retired_name = ""
            if self.much_is_idle:
                self._keep(np.flatnonzero(self.register.active))

    def _keep(self, rows: NDArray[np.int64]) -> None:
        super()._keep(rows)
        self._retired_name = ""

    def _erase_rows(self, held: NDArray[np.int64]) -> int:
        with self._change():
            return super()._erase_rows(held)

    def compact(self) -> int:
        """Drop retired rows."""
        with self._change():
            return super().compact()

    def close(self) -> None:
        """Let others have the folder; this object can do nothing more."""
        self._broken = True
        self.folder.close()

    def _commit(self) -> None:
        for (first, _), segment in zip(self.store.stretches(), self.store.segments, strict=True):
            _describe(self.folder, segment, self, np.arange(first, first + len(segment)))
        codebook = self.index.codebook()
        if codebook is not None and not self._codebook_name:
            self._codebook_name = self.store.new_name("codebook")
            self.folder.write(f"{self._codebook_name}.npy", codebook)
        if not self._retired_name or self._retired_rows != len(self.register):
            self._retired_name = self.store.new_name("retired")
            self.folder.write(f"{self._retired_name}.npy", np.packbits(~self.register.active))
        self._retired_rows = len(self.register)
        _commit(self.store, self.register.names(), self._retired_name, self._codebook_name, self.settings)


def _describe(folder: Folder, segment: Segment, source: LocalGallery, rows: NDArray[np.int64]) -> None:
    """Write what belongs to a segment beside its templates, where it is not there yet."""
    if segment.name + REGISTER not in folder.files:
        folder.write(segment.name + REGISTER, source.register.records(rows))
    if source.index.codebook() is not None and segment.name + CODES not in folder.files:
        folder.write(segment.name + CODES, source.index.codes(rows))


def _commit(
    store: SegmentStore,
    names: dict[str, list[str]],
    retired: str,
    codebook: str,
    settings: dict[str, Any],
) -> None:
    files = [f"{name}.npy" for name in (retired, codebook) if name]
    for segment in store.segments:
        files += [segment.name + TEMPLATES, segment.name + REGISTER]
        files += [segment.name + CODES] if codebook else []
    store.folder.commit(
        files,
        {
            **settings,
            "dimension": store.dimension,
            "segments": [{"name": segment.name, "rows": len(segment)} for segment in store.segments],
            "names": names,
            "retired": retired,
            "codebook": codebook,
            "next": store.next_number,
        },
    )


def write_copy(source: LocalGallery, folder: Folder, settings: dict[str, Any]) -> None:
    """Make a folder hold the enrolled references of a gallery, and nothing that was retired."""
    store = SegmentStore(folder, source.dimension)
    rows = np.flatnonzero(source.register.active)
    for begin in range(0, len(rows), SEGMENT_ROWS):
        some = rows[begin : begin + SEGMENT_ROWS]
        segment = store.write([taken(source.store, some)])
        _describe(folder, segment, source, some)
        store.segments.append(segment)
    codebook, retired = source.index.codebook(), store.new_name("retired")
    folder.write(f"{retired}.npy", np.packbits(np.zeros(len(rows), np.bool_)))
    name = ""
    if codebook is not None:
        name = store.new_name("codebook")
        folder.write(f"{name}.npy", codebook)
    _commit(store, source.register.names(), retired, name, settings)
