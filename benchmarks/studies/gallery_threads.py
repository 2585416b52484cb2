"""Eight threads that search one gallery, alone and beside a writer of 1,000 references a second.

Run: ``python benchmarks/studies/gallery_threads.py [--seconds 60] [--index flat] [--rows 20000]``. A list is
checked: of the references that were there from the beginning it must hold the ones that exact search gives,
down to the score of its last place. The ratio compares two runs of equal length in one process; what is
enrolled is retired a second later, so that both search as many.
"""

from __future__ import annotations

import argparse
import threading
import time

import numpy as np

from biomatch.gallery import Gallery, Where
from biomatch.gallery.scoring import pair_scores

DIMENSION, PROBES, THREADS, BATCH, LENGTH = 512, 8, 8, 10, 5


def unit(rows: np.ndarray) -> np.ndarray:
    """Give rows of length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def searched(gallery: Gallery, probes: np.ndarray, truth: np.ndarray, seconds: float) -> tuple[int, int]:
    """Search with all threads for a while: calls, and calls with a wrong answer."""
    until, counts = time.perf_counter() + seconds, []

    def work() -> None:
        calls = wrong = 0
        while time.perf_counter() < until:
            found = gallery.identify(probes, LENGTH)
            calls += 1
            # What was there first is as close as ever: nobody below the last place may be missing.
            wrong += not all(
                set(right[best >= found.score[at, -1]].tolist()) >= set(ids[ids < len(first)].tolist())
                and score[0] >= best[0]
                for at, (ids, score, right, best) in enumerate(
                    zip(found.reference_id, found.score, truth, first_scores, strict=True)
                )
            )
        counts.append((calls, wrong))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(calls for calls, _ in counts), sum(wrong for _, wrong in counts)


def write(gallery: Gallery, rows: np.ndarray, rate: int, stop: threading.Event, done: list[int]) -> None:
    """Enrol `rate` references a second, ten a call, and retire each a second later."""
    begun, number = time.perf_counter(), 0
    while not stop.is_set():
        ids = 10**6 + number * BATCH + np.arange(BATCH)
        gallery.enrol(ids, rows[np.arange(number * BATCH, (number + 1) * BATCH) % len(rows)])
        number += 1
        if number * BATCH > rate:
            gallery.retire(ids - rate)
        done[0] = number * BATCH
        ahead = number * BATCH / rate - (time.perf_counter() - begun)
        if ahead > 0:
            time.sleep(ahead)


parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=60.0)
parser.add_argument("--index", default="flat")
parser.add_argument("--rows", type=int, default=20_000)
parser.add_argument("--rate", type=int, default=1_000)

if __name__ == "__main__":
    given = parser.parse_args()
    rng = np.random.default_rng(20261201)
    first = unit(rng.standard_normal((given.rows, DIMENSION), dtype=np.float32))
    others = unit(rng.standard_normal((20_000, DIMENSION), dtype=np.float32))
    probes = unit(first[:PROBES] + 0.02 * rng.standard_normal((PROBES, DIMENSION), dtype=np.float32))
    gallery = Gallery(DIMENSION, given.index, floor_score=0.3, threads=1)
    gallery.enrol(np.arange(given.rows), first)
    every = gallery.identify(probes, LENGTH, Where(reference_ids=np.arange(given.rows)))
    truth, first_scores = every.reference_id, every.score
    assert (truth[:, 0] == np.arange(PROBES)).all()
    assert (first_scores[:, 0] == pair_scores(probes, first[:PROBES])).all()
    alone, wrong_alone = searched(gallery, probes, truth, given.seconds)
    stop, done = threading.Event(), [0]
    writer = threading.Thread(target=write, args=(gallery, others, given.rate, stop, done))
    writer.start()
    begun = time.perf_counter()
    beside, wrong = searched(gallery, probes, truth, given.seconds)
    took = time.perf_counter() - begun
    written = done[0]
    stop.set()
    writer.join()
    grown = len(gallery) / given.rows
    print(
        f"{given.index}, {given.rows:,} x {DIMENSION}, {THREADS} threads, {given.seconds:g} s each\n"
        f"alone: {alone} calls of {PROBES} probes, {wrong_alone} wrong\n"
        f"beside a writer: {beside}, {wrong} wrong\n"
        f"enrolled {written / took:.0f} references a second; the gallery grew to {grown:.2f} times\n"
        f"ratio of throughput {beside / alone:.2f}"
    )
