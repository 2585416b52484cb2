"""Opening a gallery of a million references, and hashing its 2 GB, as multiples of plainly reading the bytes.

Run: ``python benchmarks/studies/gallery_opening.py [--rows 1000000] [--scratch FOLDER]``. All bytes lie in
the page cache, so that the disk does not count; every figure is the best of `TIMES` runs in one process. The
folder takes 2 KB a reference and is removed at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from biomatch.gallery import Gallery
from biomatch.tables.seals import TreeHash

DIMENSION, CHUNK, TIMES, BLOCK = 512, 1 << 22, 3, 50_000


def best(work: Callable[[], object]) -> float:
    """Give the least seconds of `TIMES` runs."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def read(files: list[Path], each: Callable[[memoryview], object] = len) -> None:
    """Read files in chunks of 4 MiB."""
    buffer = memoryview(bytearray(CHUNK))
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while count := opened.readinto(buffer):
                each(buffer[:count])


def opened(folder: Path, check: str) -> None:
    """Open a gallery, and close it."""
    Gallery.open(folder, check=check, read_only=True).close()


parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--scratch", type=Path)

if __name__ == "__main__":
    given = parser.parse_args()
    rng = np.random.default_rng(20261201)
    with tempfile.TemporaryDirectory(dir=given.scratch) as name:
        folder = Path(name) / "gallery"
        with Gallery(DIMENSION, path=folder) as gallery:
            for begin in range(0, given.rows, BLOCK):
                rows = rng.standard_normal((min(BLOCK, given.rows - begin), DIMENSION), dtype=np.float32)
                rows /= np.linalg.norm(rows, axis=1, keepdims=True)
                gallery.enrol(np.arange(begin, begin + len(rows)), rows)
        files = sorted(file for file in folder.iterdir() if file.is_file())
        size = sum(file.stat().st_size for file in files)
        plain = best(lambda: read(files))
        rest = {
            "SHA-256, one stream (hashlib)": best(lambda: read(files, hashlib.sha256().update)),
            "tree of hashes (as worlds are sealed)": best(lambda: read(files, TreeHash().update)),
            "opening in full": best(lambda: opened(folder, "full")),
            "opening quickly": best(lambda: opened(folder, "quick")),
        }
    print(f"{given.rows:,} references of {DIMENSION} values, {size / 1e9:.2f} GB in {len(files)} files")
    print(f"plain reading: {plain:.2f} s, {size / plain / 1e9:.1f} GB/s")
    for what, seconds in rest.items():
        print(f"{what}: {seconds:.2f} s, {seconds / plain:.1f} times plain reading")
