"""Whole files and folders of every kind, for the hostile tests to damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
from small import small_row

from biomatch import cli
from biomatch.paths import models_dir
from biomatch.settings.profile import load_profile
from biomatch.settings.profile_toml import profile_toml
from biomatch.studies.rows import write_plan


def make(home: Path) -> None:
    """Write them into an empty folder, by the names that `seeds.ROLES` knows."""

    def made(*words):
        assert cli.run([str(word) for word in words]) == 0, words

    rng = np.random.default_rng(1)
    for seed in (1, 2):
        made("world", "tiny", "--seed", seed, "--out", home / f"w{seed}", "--set", "travellers=150")
        made("search", home / f"w{seed}", "--out", home / f"l{seed}")
    made("tune", home / "l1", home / "w1", "--out", home / "p.json", "--max-fpir", "0.3")
    made("run", home / "w2", "--at", home / "p.json", "--lists", home / "l2", "--out", home / "run")
    made("evaluate", home / "run", home / "w2", "--out", home / "result")
    for name in ("study-a", "study-b"):
        for seed in (1, 2):
            small_row(seed).write(home / name / "runs")
        write_plan(home / name, "small", [f"{seed:016x}" for seed in (1, 2)])
    people = np.repeat([f"p{n}" for n in range(40)], 3)
    faces = rng.normal(size=(40, 16)).repeat(3, axis=0) + 0.2 * rng.normal(size=(120, 16))
    np.savez(home / "references.npz", templates=faces[::3].astype(np.float32), labels=people[::3])
    np.savez(home / "probes.npz", templates=faces[1::3].astype(np.float32), labels=people[1::3])
    np.savez(home / "embeddings.npz", templates=faces.astype(np.float32), labels=people)
    np.save(home / "mated.npy", rng.normal(0.7, 0.1, 400).clip(-1, 1))
    np.save(home / "non_mated.npy", rng.normal(0.0, 0.1, 4000).clip(-1, 1))
    np.save(home / "images.npy", rng.integers(0, 255, (2, 8, 8, 3), dtype=np.uint8))
    (home / "labels.txt").write_text("".join(f"{one}\n" for one in people))
    scores = pl.DataFrame({"score": rng.normal(size=400), "mated": [1, 0] * 200})
    scores.with_columns(score=pl.col("score") + 3 * pl.col("mated")).write_csv(home / "scores.csv")
    (home / "truth.txt").write_text("".join(f"s{n} t{n}\n" for n in range(20)))
    (home / "us.csv").write_text(
        "traveller,class,entry,exit,admitted_until\nA,B2,2024-01-01,2024-02-01,2024-06-30\nB,B2,2024-01-05,,\n"
    )
    (home / "eu.csv").write_text("traveller,entry,exit\nA,2024-01-01,2024-02-01\nB,2024-03-01,\n")
    (home / "scenario.toml").write_text('name = "small"\ntravellers = 60\n')
    (home / "system.toml").write_text('name = "mine"\n')
    (home / "costs.toml").write_text("miss = 10.0\n")
    (home / "review.toml").write_text("days = 30\n")
    (home / "prevalence.toml").write_text("impostor = 8.0\n")
    (home / "suite.toml").write_text('name = "x"\nseeds = [1]\ntuning_seeds = [1]\n')
    (home / "profile.toml").write_text(profile_toml(load_profile("visa-border-leader")))
    (home / "model.onnx").write_bytes(next(models_dir().glob("*.onnx")).read_bytes())
    (home / "row").mkdir()
    small_row(3).write(home / "row")
    (home / "plain.json").write_text(json.dumps({"a": [1, 2]}))
