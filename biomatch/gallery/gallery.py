"""The enrolment database behind one contract, whatever index searches it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, facts
from biomatch.errors import GalleryError
from biomatch.gallery.coding.mates import MatedScores
from biomatch.gallery.coding.rerank import StoreKind
from biomatch.gallery.disk.folder import Folder
from biomatch.gallery.disk.stored import StoredGallery, write_copy
from biomatch.gallery.door import checked_ids, checked_length, checked_templates
from biomatch.gallery.kinds import IndexKind, Options, checked_floor
from biomatch.gallery.milvus.index import MilvusGallery
from biomatch.gallery.opening import new_keeper, opened_keeper
from biomatch.gallery.owned import Owned
from biomatch.gallery.scoring import Candidates
from biomatch.gallery.threads import blas_threads, thread_count
from biomatch.gallery.where import Where, labels, times


class Gallery(Owned, Carded):
    """An enrolment database: enrol, retire, erase, identify, verify.

    Parameters
    ----------
    dimension : int
        d, the length of a template.
    index : {"flat", "compressed", "milvus", "auto"}
        How it is searched.
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
        Most that the codes of `compressed` may add to FNIR at any threshold from `floor_score` on.
    at_floor : bool
        `loss_budget` is instead the largest chance of losing a mate that scores as much as `floor_score`.
    mated_scores : MatedScores, optional
        The law that the budget is reckoned with; None: the assumed one, which `about` states.
    training : ndarray, optional
        Templates to train the codes of `compressed` on; None: the first that are enrolled.

    Notes
    -----
    Every change is all or nothing, in memory and on disk: whatever interrupts it leaves the state before or
    after. Threads may search while one of them changes the gallery; each search sees one state. (With
    `milvus` one call runs at a time.) A change prepares what it touches beside what is there: erasing and
    compacting need room in memory for the pieces that lose rows.

    A gallery belongs to the process that made it. After a fork it refuses; a copy or a pickle of a gallery on
    disk is opened again, read-only, where it is used; one in memory has to be saved first.

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
        at_floor: bool = False,
        mated_scores: MatedScores | None = None,
    ) -> None:
        count = thread_count(threads)
        rest = rank_from, training, at_floor, mated_scores
        options = Options(index, dimension, count, floor_score, loss_budget, *rest)
        self._take(options, new_keeper(options, path), read_only=False)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        threads: int | None = None,
        check: Literal["full", "quick"] = "full",
        read_only: bool = False,
        expect_hash: str | None = None,
    ) -> Self:
        """Open a gallery that was kept on disk; its templates are memory-mapped.

        Parameters
        ----------
        path : path
            Its folder. A folder of the older form (format 1) is read as well; the first change writes it in
            today's form, as `biomatch.gallery.disk.upgrade` does at once.
        threads : int, optional
            As for a new gallery.
        check : {"full", "quick"}
            ``full`` reads everything once and compares hashes, which also finds altered templates;
            ``quick`` leaves the templates' content unread (their sizes are checked).
        read_only : bool
            Only to search. Several processes may read one folder at once, beside one that writes; each goes
            on seeing the state that it opened. Nothing is written: the folder may lie on a read-only mount.
        expect_hash : str, optional
            The `content_hash` that the folder must have, as whoever gave it said; asks for a full check.

        Raises
        ------
        GalleryError
            When the folder is no gallery, is in use, was cut short or altered, or has another hash.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with Gallery(dimension=4, path=folder.name) as gallery:
        ...     gallery.enrol(np.array([10]), np.eye(4, dtype=np.float32)[:1])
        ...     printed = gallery.content_hash
        >>> with Gallery.open(folder.name, read_only=True, expect_hash=printed) as gallery:
        ...     gallery.identify(np.eye(4, dtype=np.float32)[:1], list_length=1).reference_id.tolist()
        [[10]]
        >>> folder.cleanup()
        """
        if check not in ("full", "quick"):
            raise GalleryError(f"check = {check!r:.80}", allowed="full, quick")
        if expect_hash is not None and check != "full":
            raise GalleryError(
                "expect_hash with a quick check", allowed="check='full', which reads all of it"
            )
        if not isinstance(read_only, bool):
            raise GalleryError(f"read_only = {read_only!r:.80}", allowed="True, False")
        options, keeper = opened_keeper(
            path, thread_count(threads), full=check == "full", read_only=read_only, expect_hash=expect_hash
        )
        gallery = cls.__new__(cls)
        gallery._take(options, keeper, read_only=read_only)
        return gallery

    @property
    def content_hash(self) -> str:
        """SHA-256 over the hashes of all files of a gallery on disk and what they are, 64 digits.

        It is for people who exchange folders: who gives one says it by another way, who takes one hands it to
        `open`. It changes with every change, also with one of form (compaction, `upgrade`).
        """
        keeper = self._ready()
        if not isinstance(keeper, StoredGallery):
            raise GalleryError(
                "the content hash of a gallery that is not in a folder", remedy="save it, and open the copy"
            )
        return keeper.content_hash

    def save(self, path: str | Path) -> None:
        """Write the enrolled references to a folder; what was retired is not copied.

        A gallery that was made with `path` is on disk after every call anyway; this makes a copy, or
        replaces the gallery that stands at `path`, in one step. A copy out of Milvus is `flat`.
        """
        source, settings = self._ready(), self._options.settings()
        if isinstance(source, StoredGallery) and source.folder.path.resolve() == Path(path).resolve():
            return
        if isinstance(source, MilvusGallery):
            source, settings = source.as_local(), {**settings, "index": "flat"}
        folder = Folder(path, "new")
        try:
            source.ask(lambda state: write_copy(state, self.dimension, folder, settings))
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
        self._ready(change=True).enrol(ids, clean, **about)

    def retire(self, reference_ids: NDArray[np.int64]) -> None:
        """Take references out of every later search, at once.

        Their templates stay until `compact` (which runs by itself when much is retired) or `erase`.

        Raises
        ------
        GalleryError
            When one of them is not enrolled; nothing is retired then.
        """
        ids = checked_ids(reference_ids)
        self._ready(change=True).retire(ids)

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
        its file system are out of its reach; with `milvus`, see `biomatch.gallery.milvus.index`.
        """
        ids = checked_ids(reference_ids)
        return self._ready(change=True).erase(ids)

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
        return self._ready(change=True).erase_where(Where(kinds=kinds, received_before=moment))

    def compact(self) -> int:
        """Drop what was retired and give its memory back; the number of rows that went."""
        return self._ready(change=True).compact()

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
        keeper = self._ready()
        clean = checked_templates(probes, self.dimension, "probes")
        length = checked_length(list_length, len(clean))
        if where is not None and not isinstance(where, Where):
            raise GalleryError(f"where = {where!r:.80}", allowed="a biomatch.gallery.Where")
        with blas_threads(self.threads):
            return keeper.identify(clean, length, where)

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
        return self._ready().verify(ids, clean)

    def index_loss_bound(self, score: float | None = None) -> float:
        """Bound the chance that a search loses a mate to the index, not to the score.

        Parameters
        ----------
        score : float, optional
            True comparison score of probe and mate; None: `floor_score`.

        Returns
        -------
        float
            In [0, 1]; 0 where every reference is compared exactly. See `biomatch.gallery.coding.law`.
        """
        keeper, checked = self._ready(), checked_floor(score)
        with blas_threads(self.threads):
            return keeper.loss_bound(checked)

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data: dimension, rows held, index and its settings."""
        keeper = self._ready()
        return {"enrolled": len(keeper), "threads": self.threads, **keeper.about()}
