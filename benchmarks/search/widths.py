"""What wider codes would cost under the same bound of lost mates: 3, 4, 5 and 8 values to 4 bits.

    python benchmarks/search/widths.py [--enrolled 1000000] [--profile visa-border-leader] [--out FILE.md]

For each width the index derives from its own measured law of losses how far down the codes' ranking it must
look again, so that the codes add at most the budget to FNIR; wider codes are scanned faster and look at
more. The budget is reckoned with the law of mated scores that is assumed where none is named, and with the
profile's. The width is a constant of the module that makes the codes; this script sets it, the library does
not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray

from biomatch.gallery import Gallery, MatedScores
from biomatch.gallery.coding import codes, segments
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import FaceProfile, load_profile

WIDTHS, PROBES, SINGLE, LIST, BLOCK = (3, 4, 5, 8), 2000, 60, 20, 20_000
BUDGETS = (1e-6, 1e-5)
HEAD = """\
# Codes of other widths under the same bound

`python benchmarks/search/widths.py --enrolled {enrolled} --profile {profile}`: {enrolled:,} enrolled,
{single} single probes (median) and a batch of {batch:,}, lists of {length}, two threads on two shared
cores. The last two columns are times as multiples of those of 3 values, the shipped width, in the same
group: below 1 is faster. The physical limit is the memory that the codes fill, read once a search: the
bytes are in proportion. Wider codes tell a mate at the floor from strangers less well, so that the same
bound of added FNIR makes more rows be looked at again, and that takes back what the scan saves.

"""
Vectors = NDArray[np.float32]


def faces(profile: FaceProfile, persons: NDArray[np.int64], image: int) -> Vectors:
    """Take one image of each person."""
    space = FaceSpace(profile, seed=3)
    out = np.empty((len(persons), space.dimension), dtype=np.float32)
    for first in range(0, len(persons), BLOCK):
        some = persons[first : first + BLOCK]
        render(space, People.make(profile, some), Shots.of(some, image), out[first : first + len(some)])
    return out


def timed(gallery: Gallery, probes: Vectors) -> tuple[float, float]:
    """Give the median seconds of a single probe and the seconds of the batch, after a first of each."""
    gallery.identify(probes[:1], LIST)
    gallery.identify(probes[:600], LIST)
    single = []
    for at in range(SINGLE):
        began = time.perf_counter()
        gallery.identify(probes[at : at + 1], LIST)
        single.append(time.perf_counter() - began)
    began = time.perf_counter()
    gallery.identify(probes, LIST)
    return statistics.median(single), time.perf_counter() - began


def main() -> None:
    """Measure each width under each budget and law, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrolled", type=int, default=1_000_000)
    parser.add_argument("--profile", default="visa-border-leader")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    profile = load_profile(chosen.profile)
    people = np.arange(chosen.enrolled)
    templates = faces(profile, people, 0)
    probes = faces(profile, people[:: max(1, chosen.enrolled // PROBES)][:PROBES], 1)
    named = MatedScores.from_fnmr(chosen.profile, ScoreLaw(profile).fnmr)
    lines = [
        "| mated scores | budget | values a code | bytes | code score | looked at again a search "
        "| single, against 3 values | batch, against 3 values |",
        "|" + "---|" * 8,
    ]
    for law, budget in ((None, BUDGETS[0]), (named, BUDGETS[0]), (named, BUDGETS[1])):
        base: tuple[float, float] | None = None
        for width in WIDTHS:
            segments.SUB_DIMENSION = codes.SUB_DIMENSION = width
            gallery = Gallery(profile.dimension, index="compressed", loss_budget=budget, mated_scores=law)
            gallery.enrol(people, templates)
            seconds = timed(gallery, probes)
            base = seconds if base is None else base
            about = gallery.about()
            lines.append(
                f"| {'assumed' if law is None else law.name} | {budget:g} | {width} "
                f"| {segments.code_bytes(profile.dimension)} | {about['looked_at_from_code_score']:.3f} "
                f"| {about['looked_at_mean']:,.0f} | {seconds[0] / base[0]:.2f} "
                f"| {seconds[1] / base[1]:.2f} |"
            )
            print(lines[-1], flush=True)
            gallery.close()
    if chosen.out is not None:
        head = HEAD.format(
            enrolled=chosen.enrolled, profile=chosen.profile, single=SINGLE, batch=PROBES, length=LIST
        )
        chosen.out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
