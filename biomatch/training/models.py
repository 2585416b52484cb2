"""Writes the shipped models of fraud evidence, their cards and their registry: ``make models``.

``python -m biomatch.training.models`` (needs the extra ``train``) gives the same bytes again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from biomatch.cards import Step
from biomatch.paths import models_dir
from biomatch.training.cards import card
from biomatch.training.fusion import CHECK_SEEDS, TRAIN_SEEDS, export, gather, train

NAMES = ("fusion", "photo", "entry")


def make_models(folder: Path | None = None, progress: Step = lambda text: None) -> None:
    """Train, export and describe every model; writes ONNX files, cards and the registry.

    Parameters
    ----------
    folder : Path, optional
        Default: the shipped models' own.
    progress : callable
        Called with a line for each step.
    """
    place = folder or models_dir()
    samples, checks = gather(TRAIN_SEEDS, progress), gather(CHECK_SEEDS, progress)
    listed: dict[str, Any] = {}
    for name in NAMES:
        model, columns = train(samples, name)
        data = export(model, len(columns))
        (place / f"{name}.onnx").write_bytes(data)
        (place / f"{name}.md").write_text(card(name, model, samples, checks), encoding="utf-8")
        listed[name] = {
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            "inputs": list(columns),
            "output": "probabilities",
            "lineages": list(TRAIN_SEEDS),
            "card": f"{name}.md",
        }
        progress(f"{name}.onnx: {len(data):,} bytes")
    text = json.dumps({"models": listed}, indent=1, sort_keys=True) + "\n"
    (place / "registry.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import sys

    make_models(progress=lambda text: print(text, file=sys.stderr, flush=True))
