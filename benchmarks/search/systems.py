"""What a user could pick: one class a system, each with the same three calls.

``build(references)`` enrols row i as id i, ``widths`` are the settings to compare (one build serves
them all), ``search(probes, length, width)`` gives ids of shape (m, length), best first.
"""

# ruff: noqa: D101, D102, ARG002, RUF012
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Ids = NDArray[np.int64]
CHUNK = 50_000


class System:
    """One system: its name, and its widths with their labels."""

    widths: dict[str, int] = {"": 0}

    def __init__(self, dimension: int, threads: int, folder: Path) -> None:
        self.dimension, self.threads, self.folder = dimension, threads, folder

    def build(self, references: Rows) -> None:
        raise NotImplementedError

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        return {}


def chunks(references: Rows) -> Any:
    for begin in range(0, len(references), CHUNK):
        yield begin, np.array(references[begin : begin + CHUNK])


class FaissExact(System):
    def _index(self, count: int) -> Any:
        import faiss

        return faiss.IndexFlatIP(self.dimension)

    def build(self, references: Rows) -> None:
        import faiss

        faiss.omp_set_num_threads(self.threads)
        self.index = self._index(len(references))
        if not self.index.is_trained:
            self.index.train(np.array(references[:CHUNK]))
        for _, rows in chunks(references):
            self.index.add(rows)

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        return self.index.search(probes, length)[1]


class FaissHnsw(FaissExact):
    widths = {"efSearch 16 (default)": 16, "efSearch 64": 64, "efSearch 512": 512}

    def _index(self, count: int) -> Any:
        import faiss

        return faiss.IndexHNSWFlat(self.dimension, 32, faiss.METRIC_INNER_PRODUCT)

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        self.index.hnsw.efSearch = width
        return self.index.search(probes, length)[1]


class FaissIvf(FaissExact):
    widths = {"nprobe 1 (default)": 1, "nprobe 16": 16, "nprobe 128": 128}

    def _index(self, count: int) -> Any:
        import faiss

        lists = 1024 if count < 500_000 else 4096
        quantiser = faiss.IndexFlatIP(self.dimension)
        index = faiss.IndexIVFFlat(quantiser, self.dimension, lists, faiss.METRIC_INNER_PRODUCT)
        self.quantiser = quantiser
        return index

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        self.index.nprobe = width
        return self.index.search(probes, length)[1]


class Hnswlib(System):
    widths = {"ef 20 (its default is 10)": 20, "ef 64": 64, "ef 512": 512}

    def build(self, references: Rows) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=self.dimension)
        self.index.init_index(max_elements=len(references), M=16, ef_construction=200)
        self.index.set_num_threads(self.threads)
        for begin, rows in chunks(references):
            self.index.add_items(rows, np.arange(begin, begin + len(rows)))

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        self.index.set_ef(width)
        return self.index.knn_query(probes, k=length)[0].astype(np.int64)


class Usearch(System):
    widths = {"expansion 64 (default)": 64, "expansion 512": 512}

    def build(self, references: Rows) -> None:
        from usearch.index import Index

        self.index = Index(ndim=self.dimension, metric="ip", dtype="f32")
        for begin, rows in chunks(references):
            self.index.add(np.arange(begin, begin + len(rows)), rows, threads=self.threads)

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        self.index.expansion_search = width
        keys = self.index.search(probes, length, threads=self.threads).keys
        return np.asarray(keys).reshape(len(probes), length).astype(np.int64)


class MilvusLite(System):
    def build(self, references: Rows) -> None:
        from biomatch.gallery import Gallery

        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.gallery = Gallery(self.dimension, "milvus", path=self.folder / "milvus.db", threads=self.threads)
        for begin, rows in chunks(references):
            self.gallery.enrol(np.arange(begin, begin + len(rows)), rows)

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        return self.gallery.identify(probes, length).reference_id


class Biomatch(System):
    index, rank_from, stored = "flat", "exact", False

    def build(self, references: Rows) -> None:
        from biomatch.gallery import Gallery

        path = None
        if self.stored:
            shutil.rmtree(self.folder, ignore_errors=True)
            path = self.folder / "gallery"
        self.gallery = Gallery(
            self.dimension, self.index, path=path, threads=self.threads, rank_from=self.rank_from
        )
        for begin, rows in chunks(references):
            self.gallery.enrol(np.arange(begin, begin + len(rows)), rows)

    def search(self, probes: Rows, length: int, width: int) -> Ids:
        return self.gallery.identify(probes, length).reference_id

    def about(self) -> dict[str, Any]:
        return {**self.gallery.about(), "index_loss_bound": self.gallery.index_loss_bound()}


def biomatch(index: str, rank_from: str, *, stored: bool) -> type[Biomatch]:
    return type("Biomatch", (Biomatch,), {"index": index, "rank_from": rank_from, "stored": stored})


SYSTEMS: dict[str, Callable[[int, int, Path], System]] = {
    "FAISS exact": FaissExact,
    "biomatch flat": biomatch("flat", "exact", stored=False),
    "biomatch compressed, templates in memory": biomatch("compressed", "exact", stored=False),
    "biomatch compressed, int8 in memory, templates on disk": biomatch("compressed", "int8", stored=True),
    "biomatch compressed, only codes in memory": biomatch("compressed", "exact", stored=True),
    "FAISS IVF": FaissIvf,
    "FAISS HNSW, M = 32": FaissHnsw,
    "hnswlib, M = 16": Hnswlib,
    "usearch": Usearch,
    "Milvus Lite, through biomatch": MilvusLite,
}
