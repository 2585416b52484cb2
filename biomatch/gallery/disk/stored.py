"""A gallery on disk: every change is on the disk, whole, when the call returns.

A change writes its files, then puts ``contents.json`` in its place, then publishes the state in memory, then
overwrites what was given up. An interrupt between two of these steps is settled by what lies on the disk, at
the next call: memory and disk never go different ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.coding.segments import code_bytes, codebook_shape
from biomatch.gallery.disk.contents import ARRAY, CODES, REGISTER, TEMPLATES, About, Contents, Entry
from biomatch.gallery.disk.folder import Folder
from biomatch.gallery.disk.segmentstore import SEGMENT_ROWS, Segment, SegmentStore
from biomatch.gallery.door import checked_templates
from biomatch.gallery.memory.local import Index, LocalGallery, State
from biomatch.gallery.memory.register import RECORD, Register
from biomatch.gallery.memory.store import taken

Settings = Mapping[str, Any]
EMPTY = Contents("", {}, About({}, (), {}, "", "", 0))
"""What a new folder holds."""


@dataclass(frozen=True, eq=False)
class StoredState(State):
    """A state, and the contents of the folder that say the same (before the first: `EMPTY`)."""

    contents: Contents = EMPTY


class StoredGallery(LocalGallery):
    """A gallery in a folder. Arguments have passed the door.

    Parameters
    ----------
    folder : Folder
        Opened, and held, for as long as this object is.
    dimension : int
        d.
    index : Index
        Fresh.
    settings : mapping
        What ``contents.json`` shall say about the index.
    """

    _state: StoredState

    def __init__(self, folder: Folder, dimension: int, index: Index, settings: Settings) -> None:
        super().__init__(dimension, index)
        self.folder, self.settings = folder, settings
        self._state = StoredState(Register(), SegmentStore(folder, dimension), index)
        self._pending: StoredState | None = None
        self._dirty = folder.mode != "read"  # what a writer who was killed had left may lie there

    # -- opening ------------------------------------------------------------------------------------

    def load(self, *, full: bool) -> None:
        """Take up what the folder holds, after checking it.

        Parameters
        ----------
        full : bool
            Whether templates are read and checked too (hash, finite, unit length); everything else
            always is.
        """
        contents = self.folder.contents
        if contents is None:
            raise GalleryError(f"{self.folder.path} is no gallery", remedy="give a gallery's folder")
        about, files = contents.about, contents.files
        segments, records, codes = [], [np.empty(0, RECORD)], []
        empty = SegmentStore(self.folder, self.dimension)
        for name, rows in about.segments:
            segment = empty.map(name, rows, files[name + TEMPLATES], check=full)
            if full:
                checked_templates(segment.templates, self.dimension, f"templates of {name}")
            segments.append(segment)
            records.append(self._small(name + REGISTER, RECORD, (rows,)))
            if about.codebook:
                codes.append(self._small(name + CODES, np.uint8, (rows, code_bytes(self.dimension))))
        total = sum(rows for _, rows in about.segments)
        bits = self._small(about.retired + ARRAY, np.uint8, (-(-total // 8),))
        retired = np.unpackbits(bits, count=total).astype(np.bool_)
        register = Register.of(np.concatenate(records), about.names, ~retired)
        codebook = None
        if about.codebook:
            codebook = self._small(about.codebook + ARRAY, np.float32, codebook_shape(self.dimension))
        # What else is listed belongs to segments: the next states go on from it.
        store = SegmentStore(self.folder, self.dimension, tuple(segments), files)
        index = self._state.index.restored(store, codebook, codes)
        self._state = StoredState(register, store, index, [], contents)
        if self.folder.mode != "read":
            self._clean()

    def _small(self, name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        entry = (self.folder.contents or EMPTY).files[name]
        return self.folder.place.array(name, entry, dtype, shape, check=True, mapped=False)

    # -- changing -----------------------------------------------------------------------------------

    def create(self) -> None:
        """Write the folder of an empty gallery, or today's form of one that is of an older form."""
        with self.lock:
            self._settled()
            self._publish(lambda state: state)

    def _newest(self) -> State:
        super()._newest()
        # An interrupted change is settled by whoever comes next, unless a writer is still at it.
        if self._pending is not None and self.lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self.lock.release()
        return self._state

    def _settle(self) -> None:
        """Find out whether an interrupted change reached the disk."""
        pending = self._pending
        if pending is None:
            return
        seal, before = self.folder.seal(), self._state.contents
        if seal == pending.contents.seal:
            self._state = pending
        elif seal != ("" if before is EMPTY else before.seal):
            raise GalleryError(
                f"{self.folder.path} was changed by somebody else", remedy="open the gallery again"
            )
        self._pending = None

    def _settled(self) -> State:
        self._settle()
        return super()._settled()

    def _publish(self, change: Callable[[State], State], *, erasing: bool = False) -> None:
        with self.folder.without_readers() if erasing else nullcontext(False) as alone:
            if erasing and not alone:
                raise GalleryError(
                    f"another process reads the gallery in {self.folder.path}",
                    allowed="erasing, which overwrites files, while nobody else has them open",
                    remedy="close it there first",
                )
            try:
                self._dirty = True
                next_state = self._written(change(self._state))
                self._pending = next_state
                self.folder.put(next_state.contents)
                self._state = next_state
                self._pending = None
            except BaseException as fault:
                with suppress(Exception):  # what fails here is tried again by the next call
                    self._settle()
                    self._clean()
                if isinstance(fault, OSError):
                    raise GalleryError(
                        f"{self.folder.path} could not be written ({fault.strerror or fault})",
                        remedy="free space and try again: the folder holds the last whole state",
                    ) from fault
                raise
            if erasing:
                self._readers.wait(self._state)
                self._clean(alone=True)
        self._finish()

    def _finish(self) -> None:
        super()._finish()
        if self._dirty:
            with suppress(OSError):  # it stays to be done
                self._clean()

    def _clean(self, *, alone: bool = False) -> None:
        """Overwrite and remove files that neither the state nor a search needs."""
        contents = self._state.contents
        if not self._dirty or contents is EMPTY:
            return
        with nullcontext(True) if alone else self.folder.without_readers() as free:
            if not free:
                return
            keep, others = set(contents.files), self._readers.others(self._state)
            for state in others:
                keep.update(state.contents.files if isinstance(state, StoredState) else ())
            self.folder.remove_strays(keep, contents.former)
            self._dirty = bool(others)

    def _written(self, draft: State) -> StoredState:
        """Write what belongs to a state beside its templates, and say what the folder then holds."""
        files = dict(draft.store.files)
        codebook, codebook_name = draft.index.codebook(), self._state.contents.about.codebook
        if codebook is not None and not codebook_name:
            codebook_name = self.folder.new_name("codebook")
            files[codebook_name + ARRAY] = self.folder.write(codebook_name + ARRAY, codebook)
        for (first, _), segment in zip(draft.store.stretches(), draft.store.segments, strict=True):
            rows = np.arange(first, first + len(segment))
            _describe(self.folder, segment, draft, rows, files)
        retired = self.folder.new_name("retired")
        files[retired + ARRAY] = self.folder.write(retired + ARRAY, np.packbits(~draft.register.active))
        contents = _contents(
            self.folder, draft.store.segments, draft.register, (retired, codebook_name), files, self.settings
        )
        store = SegmentStore(self.folder, self.dimension, draft.store.segments, contents.files)
        return StoredState(draft.register, store, draft.index, draft.leftover, contents)

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data, with the form of its folder."""
        return {**super().about(), "format": self._state.contents.format}

    def close(self) -> None:
        """Let others have the folder, when nobody searches any more."""
        self.closed = True
        self._readers.wait(None)
        with self.lock, suppress(GalleryError):
            self._settle()
            self._finish()
        self.folder.close()

    @property
    def contents(self) -> Contents:
        """What the folder holds."""
        return self._state.contents

    @property
    def content_hash(self) -> str:
        """The seal of what the folder holds."""
        return self._state.contents.seal


def _describe(
    folder: Folder,
    segment: Segment,
    source: State,
    rows: NDArray[np.int64],
    files: dict[str, Entry],
) -> None:
    """Write what belongs to a segment beside its templates, where it is not there yet."""
    if segment.name + REGISTER not in files:
        records = source.register.records(rows)
        files[segment.name + REGISTER] = folder.write(segment.name + REGISTER, records)
    if source.index.codebook() is not None and segment.name + CODES not in files:
        codes = source.index.codes(source.store, rows)
        files[segment.name + CODES] = folder.write(segment.name + CODES, codes)


def _contents(
    folder: Folder,
    segments: tuple[Segment, ...],
    register: Register,
    names: tuple[str, str],
    files: Mapping[str, Entry],
    settings: Settings,
) -> Contents:
    """Say what a folder holds: `names` are those of the retired rows and of the codebook."""
    about = About(
        settings=settings,
        segments=tuple((segment.name, len(segment)) for segment in segments),
        names={name: tuple(known) for name, known in register.names().items()},
        retired=names[0],
        codebook=names[1],
        next=folder.number,
    )
    needed = {name: files[name] for name in about.files()}
    return Contents(folder.mark, needed, about, folder.former(folder.contents, needed))


def write_copy(source: State, dimension: int, folder: Folder, settings: Settings) -> None:
    """Make a folder hold the enrolled references of a gallery, and nothing that was retired."""
    try:
        contents = _copied(source, dimension, folder, settings)
        folder.put(contents)
    except OSError as fault:
        raise GalleryError(
            f"{folder.path} could not be written ({fault.strerror or fault})",
            remedy="free space or choose another place: what stood there is as it was",
        ) from fault
    finally:
        with suppress(Exception):  # what fails here is tried again by who opens the folder next
            found = folder.read() if folder.has_contents() else EMPTY
            with folder.without_readers() as free:
                if free:
                    folder.remove_strays(found.files, found.former)


def _copied(source: State, dimension: int, folder: Folder, settings: Settings) -> Contents:
    store, segments = SegmentStore(folder, dimension), []
    files: dict[str, Entry] = {}
    rows = np.flatnonzero(source.register.active)
    for begin in range(0, len(rows), SEGMENT_ROWS):
        some = rows[begin : begin + SEGMENT_ROWS]
        segments.append(store.write([taken(source.store, some)], files))
        _describe(folder, segments[-1], source, some, files)
    codebook, retired, name = source.index.codebook(), folder.new_name("retired"), ""
    files[retired + ARRAY] = folder.write(retired + ARRAY, np.packbits(np.zeros(len(rows), np.bool_)))
    if codebook is not None:
        name = folder.new_name("codebook")
        files[name + ARRAY] = folder.write(name + ARRAY, codebook)
    return _contents(folder, tuple(segments), source.register, (retired, name), files, settings)
