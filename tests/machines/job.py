"""The demo's small sibling: everything that decides, once, as one JSON object of what came out.

Run by `test_machines.py` in processes that differ in the instruction sets of the libraries. What is printed
under ``machine`` says which kernels ran; all else must be equal to the letter. Arguments name the parts that
are run; default: all.
"""

import contextlib
import hashlib
import io
import json
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def table(frame):
    """Hash a table by value; the order of rows and every bit of every float count."""
    whole = hashlib.sha256()
    for name in sorted(frame.columns):
        column = frame[name]
        values = column.to_numpy().tobytes() if column.dtype.is_float() else repr(column.to_list()).encode()
        whole.update(name.encode() + values)
    return whole.hexdigest()[:16]


def kernels():
    import faiss
    import polars
    from numpy._core._multiarray_umath import __cpu_baseline__, __cpu_dispatch__, __cpu_features__
    from threadpoolctl import threadpool_info

    blas = [one for one in threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]]
    return {
        "blas": [one["architecture"] for one in blas],
        "blas_threads": [one["num_threads"] for one in blas],
        "numpy": [name for name in __cpu_dispatch__ if __cpu_features__.get(name)],
        "numpy_baseline": list(__cpu_baseline__),
        "faiss": faiss.SIMDConfig.get_level_name(),
        "faiss_threads": faiss.omp_get_max_threads(),
        "polars_threads": polars.thread_pool_size(),
    }


@cache
def two_worlds():
    import biomatch as bm
    from biomatch.settings.scenario import Scenario

    scenario = Scenario.load("tiny").with_({"travellers": 900})
    return [bm.world(scenario, seed) for seed in (1, 2)]


def worlds(found):
    """The bytes of two worlds, observed and true."""
    for seed, world in enumerate(two_worlds(), 1):
        found[f"world {seed}"] = {
            "id": world.id,
            "content": world.observed.sealed().id,
            "templates": digest(world.observed.templates),
            "encounters": world.observed.encounters.height,
            "stays": table(world.truth.stays),
        }


def flow(found):
    """Tune on one world, grade another: identification, linkage, fraud, leads."""
    import biomatch as bm
    from biomatch.settings.system import System

    system = System.load("linked")
    tuning, grading = two_worlds()
    lists = bm.search(tuning.observed, system)
    found["lists"] = [digest(lists.reference_id), digest(lists.score)]
    curve = bm.sweep(lists, tuning.truth)
    point = bm.tune(curve, max_fpir=0.03)
    found["threshold"] = repr(point.face_threshold)
    found["point"] = point.model_dump(mode="json")
    done = bm.run(grading.observed, system, at=point)
    for name in ("decisions", "stays", "alerts"):
        frame = getattr(done, name)
        found[name] = [frame.height, table(frame)]
    result = bm.evaluate(done, grading.truth)
    alerts = result.alerts.to_json()
    found["result"] = repr([result.fpir, result.fnir, result.overstays, alerts, result.misses])
    fraud = bm.sweep_fraud(done, grading.truth)
    leads = bm.sweep_leads(done, grading.truth)
    found["fraud"] = repr(fraud)
    found["leads"] = repr(leads)


def prediction(found):
    from biomatch.scorelaw import predict
    from biomatch.settings.profile import load_profile

    said = predict(load_profile("visa-border-leader"), 1e6, 0.003)
    found["predict"] = repr(said)


def gallery(found):
    """Search of a gallery that is large enough for codes, so that FAISS scans."""
    import biomatch as bm
    from biomatch import portable
    from biomatch.streams import stream

    rows = portable.normals(stream(1, "machines.gallery"), (17_000, 64)).astype(np.float32)
    portable.unit_rows(rows)
    probes = rows[:40] + np.float32(0.3) * rows[40:80]
    portable.unit_rows(probes)
    held = bm.Gallery(dimension=64, index="compressed", floor_score=0.9)
    held.enrol(np.arange(len(rows)), rows)
    said = held.identify(probes, list_length=20)
    found["codes"] = [digest(said.reference_id[:, :1]), digest(said.score[:, :1])]
    found["codes, whole lists"] = [digest(said.reference_id), digest(said.score)]


def commands(found):
    """The printed text of commands that end in numbers."""
    from typer.testing import CliRunner

    from biomatch.cli import build

    with TemporaryDirectory() as place, contextlib.chdir(place):
        rng = np.random.Generator(np.random.SFC64(5))
        faces = rng.integers(-99, 100, (120, 32)).astype(np.float32)
        noisy = np.repeat(faces, 2, axis=0) * 2 + rng.integers(-99, 100, (240, 32))
        np.savez(
            "faces.npz", templates=noisy.astype(np.float32), labels=np.repeat(np.arange(120), 2).astype(str)
        )
        Path("stays.csv").write_text("traveller,entry,exit\nA,2026-01-03,2026-03-30\nA,2026-05-01,\n")
        for name, words in {
            "fit": ["fit", "faces.npz", "--out", "mine.toml"],
            "predict of the fit": ["predict", "mine.toml", "--gallery", "1e5", "--max-fpir", "0.01"],
            "stays": ["stays", "eu", "stays.csv", "--on", "2026-06-10"],
            "plan": ["plan", "--max-fpir", "0.001", "--expected-fpir", "0.0005"],
        }.items():
            ran = CliRunner().invoke(build(), words)
            # How far a fit has come is told by the clock.
            said = [line for line in ran.output.splitlines() if not line.startswith("fitting:")]
            found[f"command {name}"] = [ran.exit_code, said]
        found["fitted profile"] = Path("mine.toml").read_text() if Path("mine.toml").exists() else None


def main():
    found, spent = {}, {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for part in (worlds, flow, prediction, gallery, commands):
            if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
                continue
            began = time.process_time()
            part(found)
            spent[part.__name__] = time.process_time() - began
        found["machine"] = kernels()
    print(json.dumps(spent), file=sys.stderr)
    json.dump(found, sys.stdout, indent=1, default=str)


if __name__ == "__main__":
    main()
