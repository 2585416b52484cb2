"""Changes a gallery step by step until it is killed. Run as a script: FOLDER COPY JOURNAL FIRST SEED INDEX.

The same steps can be played on a dictionary: `play`.
"""

import os
import sys
from functools import cache

import numpy as np

from biomatch.gallery import Gallery
from biomatch.streams import stream

DIMENSION = 16


def templates_of(ids):
    """The template of an id follows from the id."""
    return np.array([_template_of(int(i)) for i in ids], np.float32).reshape(-1, DIMENSION)


@cache
def _template_of(i):
    row = stream(i, "killed.template").standard_normal(DIMENSION)
    return (row / np.linalg.norm(row)).astype(np.float32)


def step(number, seed, enrolled, retired):
    """What step `number` does, given the ids that are enrolled and those that are retired: (what, ids)."""
    rng = stream(seed, "killed.step", number)
    what = rng.choice(["enrol", "retire", "erase", "compact", "save"], p=[0.4, 0.25, 0.15, 0.1, 0.1])
    pool = {"retire": sorted(enrolled), "erase": sorted(enrolled | retired)}.get(what, [])
    if what == "enrol":
        ids = number * 1000 + rng.permutation(int(rng.integers(1, 60)))
    else:
        ids = rng.permutation(np.array(pool, np.int64))[: int(rng.integers(1, 40))]
    return what, np.asarray(ids, np.int64)


def play(what, ids, enrolled, retired):
    """Play a step on sets of ids."""
    gone = set(ids.tolist())
    if what == "enrol":
        return enrolled | gone, retired
    if what == "retire":
        return enrolled - gone, retired | gone
    if what == "erase":
        return enrolled - gone, retired - gone
    return enrolled, set() if what == "compact" else retired


def main():
    folder, copy, journal, first, seed, index = sys.argv[1:]
    log = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = int(first)
    if os.path.exists(os.path.join(folder, "contents.json")):  # noqa: PTH110, PTH118
        gallery = Gallery.open(folder, threads=1)
    else:
        gallery = Gallery(DIMENSION, index, path=folder, floor_score=0.9, threads=1)
    os.write(log, b"ready\n")
    while True:
        register = gallery._keeper.register
        enrolled = set(register.ids[register.active].tolist())
        retired = set(register.ids[~register.active].tolist())
        what, ids = step(number, int(seed), enrolled, retired)
        os.write(log, f"begin {number}\n".encode())
        if what == "enrol":
            gallery.enrol(ids, templates_of(ids), port="A")
        elif what == "compact":
            gallery.compact()
        elif what == "save":
            gallery.save(copy)
        else:
            getattr(gallery, what)(ids)
        os.write(log, f"end {number}\n".encode())
        number += 1


if __name__ == "__main__":
    main()
