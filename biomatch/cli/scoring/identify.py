"""``identify``: a user's own embeddings through the same gallery and judge."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch.cli.console import Json, emit, note, plain
from biomatch.cli.scoring import score_options as options
from biomatch.cli.types import Confidence, MaxFpir


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
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores and summary.")],
    max_fpir: MaxFpir = None,
    confidence: Confidence = 0.95,
    cap: options.Cap = None,
    index: Annotated[Kind, typer.Option("--index", help="Kind of the gallery's index.")] = Kind.flat,
    list_length: Annotated[int, typer.Option("--list-length", min=1, help="L.")] = 20,
    centre: Annotated[
        Path | None,
        typer.Option(
            "--centre", metavar="PROFILE.toml", help="Subtract the centre that 'fit --centre' wrote there."
        ),
    ] = None,
    report: options.Report = None,
    as_json: Json = False,
) -> None:
    """Search your own embeddings one-to-many and judge them at every threshold."""
    import numpy as np

    from biomatch.evaluation.own_embeddings import identify_own
    from biomatch.tables import storage
    from biomatch.tables.embeddings import centred, read_embeddings

    storage.free_place(out, "identification")
    enrolled, asked = read_embeddings(references), read_embeddings(probes)
    if centre is not None:
        middle = _centre_of(centre)
        enrolled = centred(enrolled[0], middle, str(references)), enrolled[1]
        asked = centred(asked[0], middle, str(probes)), asked[1]
    notes = _doubts(enrolled, asked, references, probes)
    curve = identify_own(*enrolled, *asked, index=index.value, list_length=list_length)
    images = len(enrolled[0])
    summary: dict[str, Any] = {
        "enrolled_count": curve.enrolled_counts[0],
        "enrolled_images": images,
        "list_length": curve.list_length,
        "mated_searches": curve.mated,
        "non_mated_searches": curve.non_mated,
        "rank_one_miss": curve.fnir(-2.0, rank=1),
        "notes": notes,
    }
    people = f"N = {curve.enrolled_counts[0]:,}"
    if images != curve.enrolled_counts[0]:
        people += f" people in {images:,} images"
    lines = [
        f"{people}, L = {curve.list_length}: {curve.mated:,} mated and "
        f"{curve.non_mated:,} non-mated searches",
        f"missed at rank 1 without a threshold: {summary['rank_one_miss']}",
    ]
    held = None
    if max_fpir is not None:
        held, more, told = _tuned(curve, max_fpir, confidence, None if cap is None else int(cap))
        summary |= more
        lines += told
    for said in notes:
        note(f"note: {said}")
    if report is not None:
        summary["report"] = _reported(curve, [references, probes], held, max_fpir, confidence, report, notes)
    with storage.new_folder(out, "identification") as folder:
        for name in ("mated_scores", "mated_ranks", "non_mated_top_scores"):
            np.save(folder / f"{name}.npy", getattr(curve, name), allow_pickle=False)
        storage.write_text(folder / "summary.json", json.dumps(plain(summary), indent=1) + "\n")
    written = [f"written: {out.absolute()}"]
    written += [f"written: {report.absolute()}"] if report is not None else []
    emit(as_json, {"result": out, **summary}, [*lines, *written])


def _centre_of(profile: Path) -> tuple[float, ...]:
    """Give the centre that a fitted profile keeps."""
    from biomatch.errors import SettingsError
    from biomatch.settings.profile import load_profile

    centre = load_profile(profile).centre
    if centre is None:
        raise SettingsError(
            f"profile {profile} has no centre", allowed="a profile that 'biomatch fit --centre' wrote"
        )
    return centre


def _doubts(enrolled: Any, asked: Any, references: Path, probes: Path) -> list[str]:
    """Refuse probes that are the references themselves; say where some are, and which labels look alike."""
    import polars as pl

    from biomatch.errors import TableError
    from biomatch.evaluation.own_embeddings import same_images
    from biomatch.scorefiles.words import lookalike_notes

    notes = list(lookalike_notes(pl.Series("label", enrolled[1]), pl.Series("label", asked[1])))
    if enrolled[0].shape[1] != asked[0].shape[1]:
        return notes  # the search refuses them with its own words
    same = same_images(enrolled[0], asked[0])
    if same.all():
        raise TableError(
            f"every probe of {probes} is an enrolled image of {references}: each search would find itself",
            allowed="other images of the same people",
            remedy="enrol one image of each person and search with the others",
        )
    if same.any():
        notes.append(
            f"{int(same.sum()):,} of {same.size:,} probes are enrolled images themselves: those searches "
            "find themselves, which says nothing about the matcher; leave them out"
        )
    return notes


def _tuned(
    curve: Any, max_fpir: float, confidence: float, cap: int | None
) -> tuple[Any, dict[str, Any], list[str]]:
    """Give the guaranteed threshold, with what was shown of it."""
    from biomatch.decimals import text
    from biomatch.tuning.curve_guarantee import guarantee_of

    held = guarantee_of(curve, max_fpir=max_fpir, confidence=confidence, cap=cap)
    at, rank = held.threshold, curve.list_length
    summary = {
        "threshold": at,
        "guarantee": held.to_json(),
        "fpir": curve.fpir(at),
        "fnir": curve.fnir(at, rank=rank),
        "note": "threshold and rates come from the same searches (resubstitution)",
    }
    lines = [
        f"threshold {text(at)}: FPIR at most {max_fpir:g} with {confidence:.0%} confidence",
        f"  realised FPIR {summary['fpir']}",
        f"  realised FNIR {summary['fnir']}  (same searches: resubstitution)",
    ]
    if held.cap_asked is not None and held.cap > held.cap_asked:
        lines.append(f"  cap {held.cap_asked} raised to {held.cap}, the most errors that one subject made")
    return held, summary, lines


def _reported(
    curve: Any, files: list[Path], held: Any, target: float | None, confidence: float, path: Path,
    notes: list[str],
) -> Path:  # fmt: skip
    from biomatch.reporting.own.outputs import Facts, write_report
    from biomatch.tuning.usual import usual

    tables = usual(curve) if curve.mated and curve.non_mated else None
    facts = Facts(
        curve, files, None if held is None else held.to_json(), target, confidence, tables=tables,
        taken_for="embeddings of references and probes, searched one-to-many", notes=tuple(notes),
    )  # fmt: skip
    return write_report(facts, path)
