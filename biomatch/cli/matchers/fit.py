"""``biomatch fit``: the synthetic twin of a user's own matcher."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biomatch.cli.console import Json, emit, progress

if TYPE_CHECKING:
    from biomatch.scorelaw.fit import Fitted


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("fit")(fit)


def fit(
    out: Annotated[Path, typer.Option(metavar="PROFILE.toml", help="Profile to write.")],
    embeddings: Annotated[
        Path | None, typer.Argument(metavar="[EMBEDDINGS]", help=".npz or .npy of embeddings with labels.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of the embeddings, one a line.")] = None,
    mated: Annotated[Path | None, typer.Option(help="Mated scores: .npy, or a score a line.")] = None,
    non_mated: Annotated[Path | None, typer.Option(help="Non-mated scores, likewise.")] = None,
    first_enrolled: Annotated[
        bool,
        typer.Option(
            "--first-enrolled", help="Each label's first row is its enrolled image, the others are probes."
        ),
    ] = False,
    centre: Annotated[
        bool,
        typer.Option(
            "--centre", help="Subtract the mean template first, and keep it for 'identify --centre'."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit a face profile to your embeddings or scores, with a table of how well it fits."""
    from biomatch.errors import SettingsError
    from biomatch.scorelaw.fit import fit_embeddings, fit_scores, from_scores, read_scores
    from biomatch.settings.profile_toml import profile_toml
    from biomatch.tables.embeddings import read_embeddings
    from biomatch.tables.places import begins, free_file
    from biomatch.tables.storage import write_text

    if out.suffix != ".toml":
        raise SettingsError(f"--out {out}", allowed="a file that ends in .toml")
    free_file(out, "face profile", held=begins("[likeness]", "[noise"))
    scores = (mated is not None) + (non_mated is not None)
    if (embeddings is None) == (scores == 0) or scores == 1 or (labels is not None and embeddings is None):
        raise SettingsError(
            "what to fit is not clear",
            allowed="EMBEDDINGS with or without --labels, or both --mated and --non-mated",
        )
    if centre and embeddings is None:
        raise SettingsError("--centre with scores", allowed="embeddings: scores have no mean template")
    with progress() as bar:
        if embeddings is not None:
            templates, names = read_embeddings(embeddings, labels)
            found = fit_embeddings(
                templates, names, out.stem, progress=bar, first_enrolled=first_enrolled, centre=centre
            )
        else:
            pair = [read_scores(path) for path in (mated, non_mated) if path is not None]
            found = fit_scores(from_scores(pair[0], pair[1]), out.stem, bar)
    write_text(out, profile_toml(found.profile))
    emit(as_json, _payload(found, out), _lines(found, out))


def _payload(found: Fitted, out: Path) -> dict[str, object]:
    from biomatch.scorelaw.fit.report import NOT_FITTED

    sample = found.sample
    return {
        "profile": out,
        "identities": sample.identities,
        "mated_scores": len(sample.mated),
        "non_mated_scores": sample.non_mated,
        "fitted": {
            "dimension": found.profile.dimension,
            "likeness": found.profile.likeness.model_dump(),
            "noise": found.profile.noise.model_dump(),
        },
        "not_fitted": NOT_FITTED,
        "misfit": found.misfit,
        "goodness": found.goodness.to_json(),
        "notes": _notes(found),
        "suspects": None if found.suspects is None else found.suspects.to_json(),
        "trusted": not found.goodness.warnings,
    }


def _notes(found: Fitted) -> list[str]:
    unlike = found.suspects.note() if found.suspects is not None else ""
    return [*found.sample.notes, *([unlike] if unlike else [])]


def _lines(found: Fitted, out: Path) -> list[str]:
    from biomatch.scorelaw.fit.report import NOT_FITTED
    from biomatch.settings.verdict import UNUSABLE

    sample, good, profile = found.sample, found.goodness, found.profile
    who = f"{sample.identities:,} identities, " if sample.identities is not None else ""
    lost = profile.noise.unusable + profile.noise.unusable_enrolment
    lines = [
        f"{out}: {who}{len(sample.mated):,} mated and {sample.non_mated:,} non-mated scores",
        f"noise {profile.noise.scale:.3f} (spread {profile.noise.image:.3f}, of a person "
        f"{profile.noise.person:.3f}), unusable {lost:.2g}, "
        f"dimension {profile.dimension}, share of likeness {profile.likeness.share:.3f}, "
        f"misfit {found.misfit:.2f}",
        "",
        "score law   rate in data    events  threshold: data    fit   rate, fit / data",
    ]
    for name, rows in (("non-mated", good.non_mated), ("mated", good.mated)):
        lines += [
            f"{name:10s}  {row.level:12.3g}  {row.events:8,}  {row.data:15.4f}  "
            f"{'-' if row.fit is None else f'{row.fit:.4f}':>6s}  {row.rate_ratio:17.2f}"
            for row in rows
        ]
    if good.held_out:
        lines += ["", "held out    N    threshold  FPIR predicted  FPIR seen on identities kept from the fit"]
        lines += [
            f"{row.gallery:13,}  {row.threshold:11.4f}  {row.predicted:14.3g}  {row.seen}"
            for row in good.held_out
        ]
    lines += ["", *(f"note: {text}" for text in _notes(found)), f"note: {NOT_FITTED}"]
    lines += [f"WARNING: {text}" for text in good.warnings]
    if profile.centre is not None:
        lines.append(
            f"note: the mean template was subtracted: search with 'biomatch identify --centre {out}'"
        )
    if found.misfit >= UNUSABLE:
        return [*lines, "no next step: the profile does not describe the scores (see the warnings)"]
    reach = profile.verdict.largest_gallery if profile.verdict else 100_000
    lines.append(
        f"next: biomatch predict {out} --gallery {reach} --max-fpir 0.003; "
        f"or a world with --set faces.profile={out}"
    )
    return lines
