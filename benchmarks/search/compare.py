"""Compares systems of search in one run on one machine: `make bench-search`.

Every system is built and asked in a process of its own. Truth is exact search. A mate is lost when it
is in the exact list of 20 and not in the system's; a decision is changed when the reference that is
accepted at the threshold (FPIR 0.003 among exact search's non-mated probes), or that none is, differs.
Scores of all systems are recomputed by the one routine, so only who was found makes a difference.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import faces
import numpy as np
import systems

LENGTH, BATCH, FPIR = 20, 2000, 0.003
MATES_AMONG = 100_000


def anonymous_bytes() -> int:
    """Anonymous memory of this process (what is not backed by a file), after giving back what is free."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def truth(folder: Path, count: int, probes: int) -> dict[str, Any]:
    """Make (or read) the exact lists of every set of probes, and the threshold."""
    from biomatch.gallery import Gallery

    path = folder / f"truth-{count}-{probes}.npz"
    if not path.exists():
        references = faces.references(folder, count)
        gallery = Gallery(faces.DIMENSION)
        for begin, rows in systems.chunks(references):
            gallery.enrol(np.arange(begin, begin + len(rows)), rows)
        found = {}
        for quality in faces.QUALITIES:
            for kind, templates in faces.probes(folder, MATES_AMONG, probes, quality).items():
                lists = gallery.identify(templates, LENGTH)
                found[f"{quality}/{kind}/ids"] = lists.reference_id
                found[f"{quality}/{kind}/scores"] = lists.score
        np.savez(path, **found)
    return dict(np.load(path))


def threshold(exact: dict[str, Any], quality: str) -> float:
    """Lowest score that at most a share of FPIR of the non-mated probes reach."""
    top = np.sort(exact[f"{quality}/non_mated/scores"][:, 0])[::-1]
    return float(np.nextafter(top[int(FPIR * len(top))], np.float32(2)))


def one(name: str, count: int, probes: int, folder: Path, threads: int, limit: int) -> list[dict[str, Any]]:
    """Build one system and measure it at each of its widths."""
    from biomatch.gallery.scoring import exact_scores

    references, exact = faces.references(folder, count), truth(folder, count, probes)
    sets = {
        (quality, kind): np.array(templates[:limit])
        for quality in faces.QUALITIES
        for kind, templates in faces.probes(folder, MATES_AMONG, probes, quality).items()
    }
    importlib.import_module(
        "biomatch.gallery.coding.compressed"
    )  # libraries are no part of a gallery's memory
    system = systems.SYSTEMS[name](faces.DIMENSION, threads, folder / "scratch")
    held = anonymous_bytes()
    before, began, worked = held, time.perf_counter(), time.process_time()
    system.build(references)
    built, worked = time.perf_counter() - began, time.process_time() - worked
    system.search(next(iter(sets.values()))[:1], LENGTH, next(iter(system.widths.values())))
    at_rest = (
        anonymous_bytes() - before
    )  # before batches: what they leave with the allocator is no part of it
    found = []
    for label, width in system.widths.items():
        batch = next(iter(sets.values()))[:BATCH]
        system.search(batch[:64], LENGTH, width)
        began = time.perf_counter()
        system.search(batch, LENGTH, width)
        rate = len(batch) / (time.perf_counter() - began)
        singles = []
        while len(singles) < 200 and (len(singles) < 5 or sum(singles) < 10):
            began = time.perf_counter()
            system.search(batch[len(singles) : len(singles) + 1], LENGTH, width)
            singles.append(time.perf_counter() - began)
        row: dict[str, Any] = {
            "system": name, "width": label, "enrolled": count, "threads": threads,
            "build_seconds": built, "build_processor_seconds": worked, "load": os.getloadavg()[0],
            "single_ms": float(np.median(singles)) * 1e3, "batch_a_second": rate,
        }  # fmt: skip
        row["bytes_a_reference"], row["working_bytes"] = at_rest / count, anonymous_bytes() - before - at_rest
        for quality in faces.QUALITIES:
            at, changed, searched = threshold(exact, quality), 0, 0
            for kind in ("mated", "non_mated"):
                templates = sets[quality, kind]
                ids = np.concatenate(
                    [
                        system.search(templates[b : b + BATCH], LENGTH, width)
                        for b in range(0, len(templates), BATCH)
                    ]
                )
                top = np.maximum(ids[:, 0], 0)
                scores = exact_scores(templates, np.arange(len(ids)), references, top)
                accepted = np.where((scores >= at) & (ids[:, 0] >= 0), ids[:, 0], -1)
                best = exact[f"{quality}/{kind}/scores"][: len(ids), 0]
                wanted = np.where(best >= at, exact[f"{quality}/{kind}/ids"][: len(ids), 0], -1)
                changed += int((accepted != wanted).sum())
                searched += len(ids)
                if kind == "mated":
                    mate = faces.mates(MATES_AMONG, probes)[: len(ids), None]
                    listed = (exact[f"{quality}/mated/ids"][: len(ids)] == mate).any(1)
                    row[f"lost/{quality}"] = int((listed & ~(ids == mate).any(1)).sum())
                    row[f"mated/{quality}"] = int(listed.sum())
            row[f"changed/{quality}"], row[f"decisions/{quality}"] = changed, searched
        found.append({**row, "about": system.about()})
    return found


def machine() -> dict[str, str]:
    """Describe the machine and the versions that were compared."""
    model = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
    made = {
        "processor": model[0].split(":")[1].strip() if model else platform.processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    for name in ("numpy", "faiss-cpu", "hnswlib", "usearch", "pymilvus", "milvus-lite"):
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            made[name] = "not installed"
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--enrolled", type=int, nargs="+", default=[100_000])
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--faces", type=Path, default=Path("build/bench-search"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/search.json"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", choices=list(systems.SYSTEMS), default=list(systems.SYSTEMS))
    parser.add_argument("--limit", type=int, default=0, help="probes of each set that are used; 0: all")
    parser.add_argument("--minutes", type=float, default=30, help="longest time for one system")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    limit = given.limit or given.probes
    if given.worker:
        rows = one(given.only[0], given.enrolled[0], given.probes, given.faces, given.threads, limit)
        print(json.dumps(rows))
        return
    for count in given.enrolled:
        truth(given.faces, count, given.probes)
        for name in given.only:
            command = [
                sys.executable, __file__, "--worker", "--only", name, "--enrolled", str(count),
                "--probes", str(given.probes), "--faces", str(given.faces),
                "--threads", str(given.threads), "--limit", str(limit),
            ]  # fmt: skip
            environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
            try:
                answer = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=60 * given.minutes,
                    check=True,
                )  # fmt: skip
                rows = json.loads(answer.stdout.splitlines()[-1])
            except subprocess.TimeoutExpired:
                rows = [{"system": name, "enrolled": count, "failed": f"over {given.minutes:g} minutes"}]
            except subprocess.CalledProcessError as fault:
                rows = [{"system": name, "enrolled": count, "failed": fault.stderr.splitlines()[-1][:200]}]
            known = json.loads(given.out.read_text()) if given.out.exists() else {"rows": []}
            kept = [row for row in known["rows"] if (row["system"], row["enrolled"]) != (name, count)]
            known = {"machine": machine(), "rows": kept + rows}
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(known, indent=1) + "\n")
            print(json.dumps(rows, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main()
