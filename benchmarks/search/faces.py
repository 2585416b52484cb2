"""Templates for the comparisons of search: leader profile, two image qualities, keyed so that they repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray

from biomatch.settings.profile import load_profile

PROFILE, DIMENSION, SEED = "visa-border-leader", 512, 20_261_124
QUALITIES = {"leader": 1.0, "noise x 2": 2.0}
"""Factors on the probe's noise; twice the noise gives the leader FNIR 0.033 at FPIR 0.003."""
STRANGERS = 1 << 40
"""person_id of the first non-mated probe: nobody who is enrolled."""


def references(folder: Path, count: int) -> NDArray[np.float32]:
    """Make (or map) one enrolment template a person, persons 0 to count - 1, shape (count, 512)."""
    return _made(folder / f"references-{count}.npy", np.arange(count), np.zeros(count, np.int64), 1.0, True)


def probes(folder: Path, persons: int, count: int, quality: str) -> dict[str, NDArray[np.float32]]:
    """Make (or map) mated probes of `count` of the first `persons`, and as many of strangers.

    Mates of row i: person ``mates(persons, count)[i]``.
    """
    factor = QUALITIES[quality]
    tag = f"{persons}-{count}-{factor:g}"
    mated = mates(persons, count)
    strangers = STRANGERS + np.arange(count)
    return {
        "mated": _made(folder / f"mated-{tag}.npy", mated, np.ones(count, np.int64), factor, False),
        "non_mated": _made(
            folder / f"strangers-{tag}.npy", strangers, np.ones(count, np.int64), factor, False
        ),
    }


def mates(persons: int, count: int) -> NDArray[np.int64]:
    """Give the person of each mated probe: spread evenly over those enrolled, ascending."""
    return np.arange(count, dtype=np.int64) * persons // count


def _made(
    path: Path, person: NDArray[np.int64], capture: NDArray[np.int64], factor: float, enrolment: bool
) -> NDArray[np.float32]:
    if not path.exists():
        profile = load_profile(PROFILE)
        space = FaceSpace(profile, seed=SEED)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".partial")
        out = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float32, shape=(len(person), DIMENSION))
        shots = Shots.of(person, capture, enrolment=enrolment, noise_factor=factor)
        render(space, People.make(profile, person), shots, out)
        out.flush()
        beside.rename(path)
    mapped: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return mapped
