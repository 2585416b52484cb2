"""The enrolment database behind one contract, whatever index searches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, facts
from biomatch.errors import GalleryError
from biomatch.gallery.door import checked_ids, checked_length, checked_templates
from biomatch.gallery.flat import FlatIndex
from biomatch.gallery.folder import Folder
from biomatch.gallery.local import Index, LocalGallery
from biomatch.gallery.milvus import MilvusGallery
from biomatch.gallery.rerank import StoreKind
from biomatch.gallery.scoring import Candidates
from biomatch.gallery.stored import StoredGallery, write_copy
from biomatch.gallery.threads import blas_threads, thread_count
from biomatch.gallery.where import Where, labels, times
from biomatch.registry import INDEXES

IndexKind = str
"""One of `KINDS`, or a name that `register_index` was given."""
KINDS = ("flat", "compressed", "milvus", "auto")


class Gallery(Carded):
    """An enrolment database: enrol, retire, erase, identify, verify.

    Parameters
    ----------
    dimension : int
        d, the length of a template.
    index : {"flat", "compressed", "milvus", "auto"} or str
        How it is searched; a name given to `register_index` will do.
    path : path, optional
        New or empty folder to keep it in, so that every change is on disk when its call returns;
        None: in memory. One that exists is opened with `open`. For `milvus`: the URI of a cluster, or a
        path that ends in ``.db`` for Milvus Lite; the collection ``biomatch`` is made or taken up.
    floor_score : float, optional
        Lowest score at which decisions will be made; `compressed` chooses its depth for it.
    threads : int, optional
        Threads of a search; None: ``OMP_NUM_THREADS``, else the usable cores. Answers do not depend
        on it.
    rank_from : {"exact", "int8", "float16"}
        What `compressed` ranks the chosen rows by: the templates, or a smaller copy in memory.
    loss_budget : float
        Largest chance, at `floor_score`, that `compressed` loses a mate to its codes.
    training : ndarray, optional
        Templates to train the codes of `compressed` on; None: the first that are enrolled.

    Notes
    -----
    Answers are deterministic: scores come from `biomatch.gallery.scoring.exact_scores`, equal scores
    are in ascending order of reference_id, and neither batch size nor threads change a byte.

    Examples
    --------
    >>> import numpy as np
    >>> gallery = Gallery(dimension=4)
    >>> gallery.enrol(np.array([10, 11, 12]), np.eye(4, dtype=np.float32)[:3])
    >>> found = gallery.identify(np.eye(4, dtype=np.float32)[1:2], list_length=2)
    >>> found.reference_id.tolist(), found.score.tolist(), found.enrolled_count
    ([[11, 10]], [[1.0, 0.0]], 3)
    >>> gallery.retire(np.array([11]))
    >>> gallery.identify(np.eye(4, dtype=np.float32)[1:2], list_length=3).reference_id.tolist()
    [[10, 12, -1]]
    """

    def __init__(
        self,
        dimension: int = 512,
        index: IndexKind = "flat",
        path: str | Path | None = None,
        floor_score: float | None = None,
        threads: int | None = None,
        *,
        rank_from: StoreKind = "exact",
        loss_budget: float = 1e-6,
        training: NDArray[np.float32] | None = None,
    ) -> None:
        if isinstance(dimension, bool) or not isinstance(dimension, (int, np.integer)) or dimension < 1:
            raise GalleryError(f"dimension = {dimension!r}", allowed="a whole number from 1")
        if index not in KINDS and index not in INDEXES:
            raise GalleryError(f"index = {index!r}", allowed=", ".join([*KINDS, *INDEXES]))
        if index == "milvus" and path is None:
            raise GalleryError(
                "index = 'milvus' without a path", allowed="a URI, or a path that ends in .db (Milvus Lite)"
            )
        self.dimension = int(dimension)
        self.threads = thread_count(threads)
        if training is not None:
            training = checked_templates(training, self.dimension, "training templates")
        self._options: dict[str, Any] = {
            "floor_score": _checked_floor(floor_score),
            "loss_budget": loss_budget,
            "rank_from": rank_from,
            "training": training,
        }
        self._lock = RLock()  # the arrays grow in place: no search while they do
        self._kind: IndexKind = index
        self._keeper: LocalGallery | MilvusGallery
        if index == "milvus" and path is not None:
            self._keeper = MilvusGallery(self.dimension, path)
            return
        self._keeper = LocalGallery(self.dimension, self._index(index))
        if path is not None:
            folder = Folder(path, create=True)
            if folder.files:
                folder.close()
                raise GalleryError(f"{path} holds a gallery already", remedy="use Gallery.open(path)")
            stored = StoredGallery(folder, self.dimension, self._index(index), self._settings())
            stored.create()
            self._keeper = stored

    @classmethod
    def open(
        cls, path: str | Path, *, threads: int | None = None, check: Literal["full", "quick"] = "full"
    ) -> Self:
        """Open a gallery that was kept on disk; its templates are memory-mapped.

        Parameters
        ----------
        path : path
            Its folder.
        threads : int, optional
            As for a new gallery.
        check : {"full", "quick"}
            ``full`` reads everything once and compares hashes, which also finds altered templates;
            ``quick`` leaves the templates' content unread (their sizes are checked).

        Raises
        ------
        GalleryError
            When the folder is no gallery, is in use, was cut short or altered.
        """
        if check not in ("full", "quick"):
            raise GalleryError(f"check = {check!r}", allowed="full, quick")
        folder = Folder(path, create=False)
        try:
            about = folder.about
            try:
                options = {name: about[name] for name in ("floor_score", "loss_budget", "rank_from")}
                gallery = cls(about["dimension"], about["index"], threads=threads, **options)
            except (KeyError, TypeError) as fault:
                raise GalleryError(
                    f"{path} lacks {fault} in its contents", remedy="take a whole copy"
                ) from None
            index = gallery._index(gallery._kind)
            keeper = StoredGallery(folder, gallery.dimension, index, gallery._settings())
            with blas_threads(gallery.threads):
                keeper.load(full=check == "full")
            gallery._keeper = keeper
        except BaseException:
            folder.close()
            raise
        return gallery

    def save(self, path: str | Path) -> None:
        """Write the enrolled references to a folder; what was retired is not copied.

        A gallery that was made with `path` is on disk after every call anyway; this makes a copy, or
        replaces the gallery that stands at `path`, in one step. A copy out of Milvus is `flat`.
        """
        with self._lock:
            if (
                isinstance(self._keeper, StoredGallery)
                and self._keeper.folder.path.resolve() == Path(path).resolve()
            ):
                return
            source, settings = self._keeper, self._settings()
            if isinstance(source, MilvusGallery):
                source, settings = source.as_local(), {**settings, "index": "flat"}
            folder = Folder(path, create=True)
            try:
                write_copy(source, folder, settings)
            finally:
                folder.close()

    def card(self) -> Card:
        """Say what is shown: what is enrolled, and how it is searched."""
        about = {name: value for name, value in self.about().items() if name != "enrolled"}
        plain = {name: value for name, value in about.items() if isinstance(value, (str, int, float))}
        return Card(
            f"Gallery of {len(self):,} references, {self.dimension} values each",
            facts(*((name.replace("_", " "), value) for name, value in plain.items())),
        )

    def close(self) -> None:
        """Let others open the folder; a gallery on disk can do nothing more after this."""
        with self._lock:
            self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def _settings(self) -> dict[str, Any]:
        kept = {name: value for name, value in self._options.items() if name != "training"}
        return {**kept, "index": self._kind, "biomatch": version("biomatch")}

    def _index(self, kind: IndexKind) -> Index:
        if kind == "flat":
            return FlatIndex()
        if kind not in KINDS:
            made: Index = INDEXES.get(kind)(self.dimension, threads=self.threads, **self._options)
            return made
        # FAISS is loaded only by who searches with it.
        from biomatch.gallery.auto import AutoIndex
        from biomatch.gallery.compressed import CompressedIndex

        def compressed() -> CompressedIndex:
            return CompressedIndex(self.dimension, threads=self.threads, **self._options)

        return compressed() if kind == "compressed" else AutoIndex(self.dimension, compressed)

    def __len__(self) -> int:
        return len(self._keeper)

    def enrol(
        self,
        reference_ids: NDArray[np.int64],
        templates: NDArray[np.float32],
        *,
        port: Any = None,
        kind: Any = None,
        received_at: Any = None,
    ) -> None:
        """Add references; they are searched from the next call on.

        Parameters
        ----------
        reference_ids : ndarray
            Shape (n,), integers from 0; each once, none enrolled at the moment.
        templates : ndarray
            Shape (n, d), float32, unit rows; a slice of a memory-mapped array will do. Copied.
        port, kind : str, sequence of str, or None
            One for all, or one for each: what `Where` filters by.
        received_at : datetime64 or int64 ndarray, one moment, or None
            When each was received (int64: milliseconds since 1970, UTC).

        Raises
        ------
        GalleryError
            For ids or templates that cannot be used; nothing is enrolled then.
        """
        clean = checked_templates(templates, self.dimension)
        ids = checked_ids(reference_ids, len(clean))
        about = {
            "ports": labels(port, len(ids), "port"),
            "kinds": labels(kind, len(ids), "kind"),
            "received": times(received_at, len(ids)),
        }
        with self._lock:
            self._keeper.enrol(ids, clean, **about)

    def retire(self, reference_ids: NDArray[np.int64]) -> None:
        """Take references out of every later search, at once.

        Their templates stay until `compact` (which runs by itself when much is retired) or `erase`.

        Raises
        ------
        GalleryError
            When one of them is not enrolled; nothing is retired then.
        """
        ids = checked_ids(reference_ids)
        with self._lock:
            self._keeper.retire(ids)

    def erase(self, reference_ids: NDArray[np.int64]) -> int:
        """Remove references and the bytes of their templates, retired ones too.

        Returns
        -------
        int
            How many templates were still held. Ids of which nothing is held are no fault: a retention
            job may run twice, and compaction may have come first.

        Notes
        -----
        The gallery's arrays and files are overwritten (files before they are removed). Copies that the
        caller made, that a memory allocator left behind when an array moved, or that a disk keeps below
        its file system are out of its reach; with `milvus`, see `biomatch.gallery.milvus`.
        """
        ids = checked_ids(reference_ids)
        with self._lock:
            return self._keeper.erase(ids)

    def erase_received_before(self, moment: Any, kinds: Sequence[str] | None = None) -> int:
        """Erase every reference, retired ones too, that was received before a moment.

        Parameters
        ----------
        moment : datetime, datetime64 or int
            As in `Where.received_before`; strictly before.
        kinds : sequence of str, optional
            Only references of these kinds.

        Returns
        -------
        int
            How many templates were erased.

        Raises
        ------
        GalleryError
            When a reference it could concern was enrolled without ``received_at`` or ``kind``.
        """
        with self._lock:
            return self._keeper.erase_where(Where(kinds=kinds, received_before=moment))

    def compact(self) -> int:
        """Drop what was retired and give its memory back; the number of rows that went."""
        with self._lock:
            return self._keeper.compact()

    def identify(
        self, probes: NDArray[np.float32], list_length: int = 20, where: Where | None = None
    ) -> Candidates:
        """Search for each probe the references that are most alike.

        Parameters
        ----------
        probes : ndarray
            Shape (m, d), float32, unit rows.
        list_length : int
            L, at least 1. Lists are padded (-1, -inf) where fewer than L references are searched.
        where : Where, optional
            Which references may be returned.

        Returns
        -------
        Candidates
            ``reference_id`` (m, L) int64, ``score`` (m, L) float32, ``enrolled_count``.

        Raises
        ------
        GalleryError
            For probes that are not finite unit rows of d float32, or a length below 1.
        """
        clean = checked_templates(probes, self.dimension, "probes")
        length = checked_length(list_length)
        if where is not None and not isinstance(where, Where):
            raise GalleryError(f"where = {where!r}", allowed="a biomatch.gallery.Where")
        with self._lock, blas_threads(self.threads):
            return self._keeper.identify(clean, length, where)

    def verify(self, reference_ids: NDArray[np.int64], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare probe i with reference i, for every i.

        Parameters
        ----------
        reference_ids : ndarray
            Shape (n,), integers; all enrolled, an id may come more than once.
        probes : ndarray
            Shape (n, d), float32, unit rows.

        Returns
        -------
        ndarray
            Shape (n,), float32 comparison scores.
        """
        clean = checked_templates(probes, self.dimension, "probes")
        ids = checked_ids(reference_ids, len(clean), unique=False)
        with self._lock:
            return self._keeper.verify(ids, clean)

    def index_loss_bound(self, score: float | None = None) -> float:
        """Bound the chance that a search loses a mate to the index, not to the score.

        Parameters
        ----------
        score : float, optional
            True comparison score of probe and mate; None: `floor_score`.

        Returns
        -------
        float
            In [0, 1]; 0 where every reference is compared exactly. See `biomatch.gallery.law`.
        """
        with self._lock, blas_threads(self.threads):
            return self._keeper.loss_bound(_checked_floor(score))

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data: dimension, rows held, index and its settings."""
        return {"enrolled": len(self), "threads": self.threads, **self._keeper.about()}


def _checked_floor(score: float | None) -> float | None:
    if score is not None and not -1 <= score <= 1:
        raise GalleryError(f"score {score}", allowed="a cosine, -1 to 1")
    return None if score is None else float(score)


def register_index(name: str, make: Callable[..., Index], *, replace: bool = False) -> None:
    """Add an index of one's own; ``Gallery(index=name)`` and ``gallery.index`` of a system take it.

    Parameters
    ----------
    name : str
        Its name.
    make : callable
        ``make(dimension, threads=..., floor_score=..., loss_budget=..., rank_from=..., training=...)`` gives
        a `biomatch.gallery.local.Index`; one that ignores the options takes ``**options``.
    replace : bool
        Whether an index that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken.

    Examples
    --------
    >>> import numpy as np
    >>> register_index("my-flat", lambda dimension, **options: FlatIndex())
    >>> gallery = Gallery(dimension=4, index="my-flat")
    >>> gallery.enrol(np.array([7]), np.eye(4, dtype=np.float32)[:1])
    >>> gallery.identify(np.eye(4, dtype=np.float32)[:1], list_length=1).reference_id.tolist()
    [[7]]
    >>> INDEXES.remove("my-flat")
    """
    INDEXES.add(name, make, replace=replace)
