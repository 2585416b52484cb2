"""Write small folders of today's form, which a later version must read, or refuse in words.

Run it in an empty folder, and commit what it writes under the name of the form: ``python make.py FOLDER``.
"""

import sys
from pathlib import Path

import numpy as np

import biomatch as bm
from biomatch.cli import run as command

SUITE = """name = "small"
about = "One world, to have a study's folder."
max_fpir = 0.9
seeds = [6]
tuning_seeds = [5]

[worlds.tiny]
scenario = "tiny"
set = { travellers = 25 }

[systems.document-only]
system = "document-only"
"""


def main(out: Path) -> None:
    out.mkdir(parents=True)
    made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 25}), seed=5)
    made.save(out / "world")
    point = bm.OperatingPoint.of(0.4, bm.System.load("document-only"))
    point.write(out / "point.json")
    done = bm.run(made.observed, at=point)
    done.write(out / "run")
    bm.evaluate(done, made.truth, grid=0).write(out / "result")
    templates = np.eye(8, 16, dtype=np.float32)
    gallery = bm.Gallery(16)
    gallery.enrol(np.arange(8), templates)
    gallery.save(out / "gallery")
    draws = np.random.default_rng(5)
    np.savetxt(out / "mated.txt", draws.normal(0.8, 0.05, 300), fmt="%.4f")
    np.savetxt(out / "non-mated.txt", draws.normal(0.1, 0.05, 300), fmt="%.4f")
    scores = ["--mated", str(out / "mated.txt"), "--non-mated", str(out / "non-mated.txt")]
    assert command(["fit", *scores, "--out", str(out / "profile.toml")]) == 0
    (out / "suite.toml").write_text(SUITE, encoding="utf-8")
    assert command(["bench", str(out / "suite.toml"), "--out", str(out / "study")]) == 0
    for name in ("mated.txt", "non-mated.txt", "suite.toml"):
        (out / name).unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
