"""``identify``: a user's own embeddings through the same gallery and judge."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch.cli.console import Json, emit, plain


class Kind(StrEnum):
    """Kinds of index."""

    flat = "flat"
    compressed = "compressed"
    milvus = "milvus"
    auto = "auto"


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(identify)


def identify(
    references: Annotated[Path, typer.Argument(help=".npz with templates (n, d) and labels (n,).")],
    probes: Annotated[Path, typer.Argument(help="The same for the probes.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for scores and summary.")],
    max_fpir: Annotated[
        float | None, typer.Option("--max-fpir", help="Tune a threshold with a guarantee for this FPIR.")
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the guarantee.")] = 0.95,
    index: Annotated[Kind, typer.Option("--index", help="Kind of the gallery's index.")] = Kind.flat,
    list_length: Annotated[int, typer.Option("--list-length", min=1, help="L.")] = 20,
    as_json: Json = False,
) -> None:
    """Search your own embeddings one-to-many and judge them at every threshold."""
    import numpy as np

    from biomatch.evaluation.own_embeddings import identify_own
    from biomatch.tables import storage
    from biomatch.tables.embeddings import read_embeddings
    from biomatch.tuning import tune

    storage.free_place(out, "identification")
    curve = identify_own(
        *read_embeddings(references), *read_embeddings(probes), index=index.value, list_length=list_length
    )
    summary: dict[str, Any] = {
        "enrolled_count": curve.enrolled_counts[0],
        "list_length": curve.list_length,
        "mated_searches": curve.mated,
        "non_mated_searches": curve.non_mated,
        "rank_one_miss": curve.fnir(-2.0, rank=1),
    }
    lines = [
        f"N = {curve.enrolled_counts[0]:,}, L = {curve.list_length}: {curve.mated:,} mated and "
        f"{curve.non_mated:,} non-mated searches",
        f"missed at rank 1 without a threshold: {summary['rank_one_miss']}",
    ]
    if max_fpir is not None:
        point = tune(curve, max_fpir=max_fpir, confidence=confidence)
        at = point.face_threshold
        summary |= {
            "threshold": at,
            "guarantee": point.guarantee,
            "fpir": curve.fpir(at),
            "fnir": curve.fnir(at, rank=list_length),
            "note": "threshold and rates come from the same searches (resubstitution)",
        }
        lines += [
            f"threshold {at:.6f}: FPIR at most {max_fpir:g} with {confidence:.0%} confidence",
            f"  realised FPIR {summary['fpir']}",
            f"  realised FNIR {summary['fnir']}  (same searches: resubstitution)",
        ]
    with storage.new_folder(out, "identification") as folder:
        for name in ("mated_scores", "mated_ranks", "non_mated_top_scores"):
            np.save(folder / f"{name}.npy", getattr(curve, name), allow_pickle=False)
        storage.write_text(folder / "summary.json", json.dumps(plain(summary), indent=1) + "\n")
    emit(as_json, {"result": out, **summary}, [*lines, f"written: {out.absolute()}"])
