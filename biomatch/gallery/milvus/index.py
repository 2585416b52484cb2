"""The same contract on Milvus, the distributed engine; Milvus Lite is its embedded form.

The collection is searched with Milvus's exact index (FLAT, inner product) at consistency level Strong:
what has been enrolled or deleted is seen by the next search, whoever makes it. Milvus chooses, the
scores and the order come from the one routine as everywhere, so the lists are those of `flat`.

Retirement is deletion: Milvus has no state between. When the bytes of a deleted template leave its
disks is Milvus's own affair (compaction and garbage collection, set in the cluster); `erase` and
`compact` ask for it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import GalleryError
from biomatch.gallery.flat import joined, rounding_margin
from biomatch.gallery.memory.local import LocalGallery, closed_error
from biomatch.gallery.milvus.copy import local_copy
from biomatch.gallery.milvus.names import quoted, scrubbed, shown, without_user
from biomatch.gallery.scoring import Candidates, pair_scores, rank
from biomatch.gallery.where import UNKNOWN_TIME, Where

COLLECTION = "biomatch"
TOKEN = "BIOMATCH_MILVUS_TOKEN"
"""Environment variable with the token of a cluster that asks for one."""
MOST = 16_384
"""Milvus's own limit of a list's length (its documentation, "limits": topk)."""
_ROWS, _PROBES, _SLACK, _LONGEST_NAME = 2000, 256, 12, 1024


class MilvusGallery:
    """References in a Milvus collection. Arguments have passed the door.

    Parameters
    ----------
    dimension : int
        d.
    uri : str or path
        ``http://host:19530`` of a cluster, or a path that ends in ``.db`` for Milvus Lite.
    """

    def __init__(self, dimension: int, uri: str | Path, collection: str = COLLECTION) -> None:
        try:
            from pymilvus import DataType, MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError:
            raise GalleryError(
                "index = 'milvus' needs pymilvus, which is not installed",
                remedy="install the extra: pip install 'biomatch[milvus]'",
            ) from None
        self.dimension, self.uri, self.collection = dimension, shown(str(uri)), collection
        self.closed, self.lock = False, RLock()
        self._pending: NDArray[np.int64] | None = None
        # The client is never given an address with a password: what it says, or logs, cannot hold it.
        address, token = without_user(str(uri))
        token = token or os.environ.get(TOKEN, "")
        self._secrets = (token, quote(token), *map(quote, token.split(":")))
        self._faults = (MilvusException, OSError, ValueError, RuntimeError)
        self._client: Any = None
        try:
            self._client = MilvusClient(address, token=token)
            weakref.finalize(self, self._client.close)
        except self._faults as fault:
            raise self._refusal(fault) from None
        if not self._ask("has_collection", collection):
            self._create(DataType)
        fields = self._ask("describe_collection", collection)["fields"]
        sizes = {field["name"]: field["params"].get("dim") for field in fields}
        if int(sizes.get("template") or 0) != dimension:
            raise GalleryError(
                f"collection {collection!r} has {sizes}", allowed=f"templates of dimension {dimension}"
            )

    def _refusal(self, fault: BaseException) -> GalleryError:
        return GalleryError(
            f"Milvus at {self.uri}: {scrubbed(str(fault), self._secrets)}",
            allowed="a reachable URI, or a path that ends in .db",
        )

    def _ask(self, what: str, *given: Any, **named: Any) -> Any:
        """Ask the client for something; its faults become one message without secrets."""
        if self.closed:
            raise closed_error()
        try:
            return getattr(self._client, what)(*given, **named)
        except self._faults as fault:
            raise self._refusal(fault) from None

    def _create(self, types: Any) -> None:
        schema = self._ask("create_schema", auto_id=False, enable_dynamic_field=False)
        schema.add_field("reference_id", types.INT64, is_primary=True)
        schema.add_field("template", types.FLOAT_VECTOR, dim=self.dimension)
        for name in ("port", "kind"):
            schema.add_field(name, types.VARCHAR, max_length=_LONGEST_NAME)
        schema.add_field("received_at", types.INT64)
        index = self._ask("prepare_index_params")
        index.add_index("template", index_type="FLAT", metric_type="IP")
        self._ask(
            "create_collection",
            self.collection,
            schema=schema,
            index_params=index,
            consistency_level="Strong",
        )

    # -- changing -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        with self.lock:
            self._settle()
            return self._count("")

    def _count(self, filter_: str) -> int:
        found = self._ask("query", self.collection, filter=filter_, output_fields=["count(*)"])
        return int(found[0]["count(*)"])

    @contextmanager
    def _change(self, ids: NDArray[np.int64]) -> Iterator[None]:
        """Change references, of which none may be left when the change does not come to its end.

        Milvus has no transactions: a change of many rows is many requests. What was enrolled by one that was
        interrupted is deleted again, and what it should have deleted is deleted, at once or by the next
        call. (A process that is killed in between leaves a part.)
        """
        self._pending = ids
        try:
            yield
            self._pending = None
        except BaseException:
            with suppress(Exception):
                self._settle()
            raise

    def _settle(self) -> None:
        if self._pending is not None:
            self._delete(self._pending)
            self._pending = None

    def enrol(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> None:
        """Add references."""
        with self.lock:
            self._settle()
            self._enrol(ids, templates, **about)

    def _enrol(self, ids: NDArray[np.int64], templates: NDArray[np.float32], **about: Any) -> None:
        there = self._enrolled(ids)
        if len(there):
            raise GalleryError(
                f"reference {int(there[0])} is enrolled already",
                allowed="each id once at a time",
                remedy="retire it first, or give the new template an id of its own",
            )
        blank = [""] * len(ids)
        ports, kinds = about.get("ports") or blank, about.get("kinds") or blank
        received = about.get("received")
        times = np.full(len(ids), UNKNOWN_TIME) if received is None else received
        for name in {*ports, *kinds}:
            if len(name.encode()) > _LONGEST_NAME:
                raise GalleryError(f"the name {name[:40]!r}...", allowed=f"up to {_LONGEST_NAME} bytes")
        with self._change(ids):
            for begin in range(0, len(ids), _ROWS):
                rows = [
                    {
                        "reference_id": int(ids[i]),
                        "template": templates[i],
                        "port": ports[i],
                        "kind": kinds[i],
                        "received_at": int(times[i]),
                    }
                    for i in range(begin, min(begin + _ROWS, len(ids)))
                ]
                self._ask("insert", self.collection, rows)

    def _enrolled(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        found: list[int] = []
        for begin in range(0, len(ids), _ROWS):
            filter_ = f"reference_id in {ids[begin : begin + _ROWS].tolist()}"
            rows = self._ask("query", self.collection, filter=filter_, output_fields=["reference_id"])
            found += [row["reference_id"] for row in rows]
        return np.sort(np.array(found, np.int64))

    def retire(self, ids: NDArray[np.int64]) -> None:
        """Take references out of every later search: they are deleted."""
        with self.lock:
            self._settle()
            self._refuse_unknown(ids, self._enrolled(ids))
            with self._change(ids):
                self._delete(ids)

    def _delete(self, ids: NDArray[np.int64]) -> None:
        for begin in range(0, len(ids), _ROWS):
            self._ask("delete", self.collection, ids=ids[begin : begin + _ROWS].tolist())

    def _refuse_unknown(self, ids: NDArray[np.int64], there: NDArray[np.int64]) -> None:
        missing = ids[~np.isin(ids, there)]
        if len(missing):
            raise GalleryError(
                f"reference {int(missing[0])} is not enrolled", allowed="references of this gallery"
            )

    def erase(self, ids: NDArray[np.int64]) -> int:
        """Delete references and ask Milvus to drop deleted rows from its files."""
        with self.lock:
            self._settle()
            there = self._enrolled(ids)
            with self._change(there):
                self._delete(there)
            self.compact()
            return len(there)

    def erase_where(self, where: Where) -> int:
        """Delete what a filter names; see `erase`."""
        with self.lock:
            self._settle()
            return self._erase_where(self._filter(where))

    def _erase_where(self, filter_: str) -> int:
        count = self._count(filter_)
        if count:
            self._ask("delete", self.collection, filter=filter_)
        self.compact()
        return count

    def compact(self) -> int:
        """Ask Milvus to drop deleted rows from its files; it does not say how many: 0."""
        with self.lock:
            self._settle()
            return self._compact()

    def _compact(self) -> int:
        self._ask("flush", self.collection)
        self._ask("compact", self.collection)
        return 0

    # -- searching ----------------------------------------------------------------------------------

    def identify(self, probes: NDArray[np.float32], length: int, where: Where | None) -> Candidates:
        """Search; see `Gallery.identify`."""
        if length > MOST - _SLACK:
            raise GalleryError(f"list_length = {length}", allowed=f"up to {MOST - _SLACK} with Milvus")
        with self.lock:
            self._settle()
            return self._identify(probes, length, where)

    def _identify(self, probes: NDArray[np.float32], length: int, where: Where | None) -> Candidates:
        filter_ = self._filter(where)
        enrolled = self._count(filter_)
        pieces = [
            self._search(probes[begin : begin + _PROBES], length, filter_, enrolled)
            for begin in range(0, len(probes), _PROBES)
        ]
        return joined(pieces, length, enrolled)

    def _filter(self, where: Where | None) -> str:
        """Write a filter in Milvus's language, after refusing one by what was never said."""
        if where is None:
            return ""
        parts: list[str] = []
        for name, wanted in (("port", where.ports), ("kind", where.kinds)):
            if wanted is not None:
                self._refuse_unsaid(" and ".join([*parts, f'{name} == ""']), name)
                parts.append(
                    f"{name} in [{', '.join(map(quoted, wanted))}]" if wanted else "reference_id < 0"
                )
        if where.received_before_ms is not None:
            self._refuse_unsaid(" and ".join([*parts, f"received_at == {UNKNOWN_TIME}"]), "received_at")
            parts.append(f"received_at < {where.received_before_ms}")
        if where.reference_ids is not None:
            parts.append(f"reference_id in {where.reference_ids.tolist()}")
        return " and ".join(parts)

    def _refuse_unsaid(self, filter_: str, name: str) -> None:
        count = self._count(filter_)
        if count:
            raise GalleryError(
                f"{count} references were enrolled without {name}",
                allowed=f"a filter by {name} where every reference has one",
                remedy=f"give {name} when enrolling",
            )

    def _search(self, probes: NDArray[np.float32], length: int, filter_: str, enrolled: int) -> Candidates:
        """Fetch more than asked, and deeper where the margin at rank L is too thin."""
        margin = rounding_margin(self.dimension)
        who_found, ids_found, scores_found = [], [], []
        left, fetch = np.arange(len(probes)), length + _SLACK
        while len(left) and enrolled:
            ids, fast = self._fetched(probes[left], min(fetch, enrolled, MOST), filter_)
            who = np.repeat(np.arange(len(left)), [len(row) for row in ids])
            flat = np.concatenate([np.empty(0, np.int64), *ids])
            scores = pair_scores(probes[left[who]], self.templates_of(flat))
            whole = np.array([len(row) >= enrolled for row in ids])
            for at in np.flatnonzero(~whole):
                exact = np.sort(scores[who == at])[::-1]
                whole[at] = len(exact) >= length and exact[length - 1] > fast[at] + margin
            if fetch >= MOST and not whole.all():
                raise GalleryError(
                    f"more than {MOST} references score alike", remedy="search with index='flat'"
                )
            keep = whole[who]
            who_found.append(left[who[keep]])
            ids_found.append(flat[keep])
            scores_found.append(scores[keep])
            left, fetch = left[~whole], min(4 * fetch, MOST)
        empty = np.empty(0, np.int64)
        return rank(
            np.concatenate([empty, *who_found]),
            np.concatenate([empty, *ids_found]),
            np.concatenate([np.empty(0, np.float32), *scores_found]),
            len(probes),
            length,
            enrolled,
        )

    def _fetched(
        self, probes: NDArray[np.float32], fetch: int, filter_: str
    ) -> tuple[list[NDArray[np.int64]], list[float]]:
        found = self._ask(
            "search", self.collection, data=list(probes), limit=fetch, filter=filter_, output_fields=[]
        )
        ids = [np.array([hit["reference_id"] for hit in hits], np.int64) for hits in found]
        return ids, [float(hits[-1]["distance"]) if len(hits) else -np.inf for hits in found]

    def templates_of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the templates of references, shape (n, d)."""
        wanted, place = np.unique(ids, return_inverse=True)
        templates = np.empty((len(wanted), self.dimension), np.float32)
        there = []
        for begin in range(0, len(wanted), _ROWS):
            rows = self._ask(
                "query",
                self.collection,
                filter=f"reference_id in {wanted[begin : begin + _ROWS].tolist()}",
                output_fields=["reference_id", "template"],
            )
            for row in rows:
                there.append(row["reference_id"])
                templates[np.searchsorted(wanted, row["reference_id"])] = row["template"]
        self._refuse_unknown(ids, np.array(there, np.int64))
        return templates[place]

    def verify(self, ids: NDArray[np.int64], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare probe i with reference i."""
        with self.lock:
            self._settle()
            return pair_scores(probes, self.templates_of(ids))

    def loss_bound(self, score: float | None) -> float:  # noqa: ARG002
        """Give 0: every reference is compared."""
        return 0.0

    # -- the rest -----------------------------------------------------------------------------------

    def _all_rows(self) -> Iterator[list[dict[str, Any]]]:
        fields = ["reference_id", "template", "port", "kind", "received_at"]
        rows = self._ask("query_iterator", self.collection, batch_size=_ROWS, output_fields=fields)
        while some := rows.next():
            yield some
        rows.close()

    def as_local(self) -> LocalGallery:
        """Copy everything into a gallery in memory, in ascending order of reference_id."""
        with self.lock:
            self._settle()
            return local_copy([row for some in self._all_rows() for row in some], self.dimension)

    def about(self) -> dict[str, Any]:
        """Describe the gallery in plain data."""
        return {
            "index": "milvus",
            "uri": self.uri,
            "collection": self.collection,
            "engine": str(self._ask("get_server_version")),
            "consistency": "Strong",
            "dimension": self.dimension,
            "rows": len(self),
        }

    def close(self) -> None:
        """End the connection."""
        with self.lock:
            self.closed = True
            self._client.close()
