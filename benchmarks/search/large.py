"""A million references: `compressed` (int8 in memory, the rest on disk) and FAISS exact search in turns.

Turns of twenty probes, because whatever else the machine does then meets both; not of one, because FAISS's
threads wait busily for a while after each of its searches. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faces
import faiss
import numpy as np
from compare import BATCH, FPIR, LENGTH, MATES_AMONG, anonymous_bytes
from systems import chunks

from biomatch.gallery import Gallery
from biomatch.gallery.threads import thread_count

TURN = 20


def turns(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    began = time.perf_counter()
    ours()
    between = time.perf_counter()
    theirs()
    return between - began, time.perf_counter() - between


def one_by_one(
    turns_of: list[Any], ours: Callable[[Any], object], theirs: Callable[[Any], object]
) -> tuple[float, float]:
    """Give the median seconds of a single probe of both; the first of each turn is not counted."""
    spent: tuple[list[float], list[float]] = ([], [])
    for probes in turns_of:
        for call, times in zip((ours, theirs), spent, strict=True):
            for i in range(len(probes)):
                began = time.perf_counter()
                call(probes[i : i + 1])
                if i:
                    times.append(time.perf_counter() - began)
    return float(np.median(spent[0])), float(np.median(spent[1]))


def changed(gallery: Gallery, exact: Any, folder: Path, quality: str, probes: int) -> dict[str, Any]:
    """Compare decisions at the threshold of FPIR 0.003 among exact search's non-mated probes."""
    sets = faces.probes(folder, MATES_AMONG, 10_000, quality)
    some = {kind: np.array(templates[:probes]) for kind, templates in sets.items()}
    top = np.sort(exact.search(some["non_mated"], 1)[0][:, 0])[::-1]
    at = float(top[int(FPIR * len(top))])
    differ = 0
    for templates in some.values():
        scores, ids = exact.search(templates, LENGTH)
        found = gallery.identify(templates, LENGTH)
        # 1e-6: FAISS's scores carry that much rounding; those of the gallery are exact.
        wanted = np.where(scores[:, 0] >= at, ids[:, 0], -1)
        differ += int(
            (np.where(found.score[:, 0] >= at - 1e-6, found.reference_id[:, 0], -1) != wanted).sum()
        )
    return {"threshold": at, "decisions": 2 * probes, "changed": differ}


def cold(folder: Path, probes: Any) -> dict[str, Any]:
    """Open again with nothing of the folder in the page cache, and ask for one probe after another.

    Every probe looks at other rows, so nearly all that it needs is on the disk.
    """
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as held:
                os.fsync(held.fileno())
                os.posix_fadvise(held.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    began = time.perf_counter()
    gallery = Gallery.open(folder, check="quick")
    opened = time.perf_counter() - began
    gallery.identify(probes[:1], LENGTH)  # measures the law of the codes
    spent = []
    for i in range(1, 61):
        began = time.perf_counter()
        gallery.identify(probes[i : i + 1], LENGTH)
        spent.append(time.perf_counter() - began)
    memory = anonymous_bytes()
    gallery.close()
    return {
        "open_seconds": opened,
        "cold_single_ms": float(np.median(spent)) * 1e3,
        "anonymous_bytes_open": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--enrolled", type=int, default=1_000_000)
    parser.add_argument("--probes", type=int, default=10_000, help="mated, and as many non-mated")
    parser.add_argument("--faces", type=Path, default=Path("build/bench-search"))
    parser.add_argument("--rank-from", default="int8")
    given = parser.parse_args()
    references = faces.references(given.faces, given.enrolled)
    batch = np.array(faces.probes(given.faces, MATES_AMONG, 10_000, "leader")["mated"][:BATCH])
    folder = given.faces / "large"
    shutil.rmtree(folder, ignore_errors=True)
    importlib.import_module("biomatch.gallery.coding.compressed")
    before, began = anonymous_bytes(), time.perf_counter()
    gallery = Gallery(faces.DIMENSION, "compressed", path=folder, rank_from=given.rank_from)
    for begin, rows in chunks(references):
        gallery.enrol(np.arange(begin, begin + len(rows)), rows)
    del rows  # the last chunk is no part of the gallery's memory
    found: dict[str, Any] = {"enrolled": given.enrolled, "build_seconds": time.perf_counter() - began}
    gallery.identify(batch[:1], LENGTH)
    found["bytes_a_reference"] = (anonymous_bytes() - before) / given.enrolled
    faiss.omp_set_num_threads(thread_count(None))
    exact = faiss.IndexFlatIP(faces.DIMENSION)
    for _, rows in chunks(references):
        exact.add(rows)
    gallery.identify(batch[:300], LENGTH)
    single = one_by_one(
        [batch[begin : begin + TURN] for begin in range(0, 10 * TURN, TURN)],
        lambda one: gallery.identify(one, LENGTH),
        lambda one: exact.search(one, LENGTH),
    )
    many = np.array(
        [turns(lambda: gallery.identify(batch), lambda: exact.search(batch, LENGTH)) for _ in "123"]
    )
    found |= {
        "single_ms": single[0] * 1e3,
        "faiss_exact_single_ms": single[1] * 1e3,
        "single_times_faster": single[1] / single[0],
        "batch_a_second": (BATCH / many[:, 0]).tolist(),
        "faiss_exact_batch_a_second": (BATCH / many[:, 1]).tolist(),
        "batch_times_faster": (many[:, 1] / many[:, 0]).tolist(),
        "decisions": {
            quality: changed(gallery, exact, given.faces, quality, given.probes)
            for quality in faces.QUALITIES
        },
        "about": gallery.about(),
        "load": os.getloadavg()[0],
    }
    gallery.close()
    exact.reset()
    found |= cold(folder, batch)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
