"""Which whole artefact belongs to which parameter."""

from __future__ import annotations

from pathlib import Path

ROLES = {
    "made": "run", "result": "result", "results": "result", "one": "study-a", "other": "study-b",
    "lists": "l2", "point": "p.json", "suite": "suite.toml", "files": "scores.csv", "truth": "truth.txt",
    "references": "references.npz", "probes": "probes.npz", "embeddings": "embeddings.npz",
    "labels": "labels.txt", "mated": "mated.npy", "non_mated": "non_mated.npy", "model": "model.onnx",
    "images": "images.npy", "settings": "review.toml", "review": "review.toml", "costs": "costs.toml",
    "prevalence": "prevalence.toml", "profile": "profile.toml", "scenario": "scenario.toml",
    "system": "system.toml", "folder": "w2", "world": "w2", "pairs": "l2",
}  # fmt: skip
"""A whole artefact for a parameter of this name; any other parameter is attacked with all of them."""


def seed_for(home: Path, words: tuple[str, ...], name: str) -> Path:
    if name == "file":
        return home / ("us.csv" if words[-1] == "us" else "eu.csv")
    if name == "name":
        return home / {"profile": "profile.toml", "scenario": "scenario.toml"}.get(words[0], "system.toml")
    return home / ROLES.get(name, "plain.json")
