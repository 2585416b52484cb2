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
        bool, typer.Option("--centre", help="Subtract the mean template first; the profile stores it.")
    ] = False,
    groups: Annotated[Path | None, typer.Option(help="Group of each row, one a line (blank: none).")] = None,
    captured: Annotated[
        Path | None, typer.Option(help="Day of each image, YYYY-MM-DD, one a line (blank: not known).")
    ] = None,
    years_between: Annotated[
        Path | None, typer.Option(help="Years between the images of each mated score, one a line.")
    ] = None,
    beyond: Annotated[
        bool, typer.Option("--beyond", help="Write a profile whose fit is refused; it says so of itself.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit a face profile to your embeddings or scores, with a table of how well it fits."""
    from biomatch.errors import SettingsError, TableError
    from biomatch.scorelaw.fit import Extras, fit_embeddings, fit_scores, from_scores, read_scores
    from biomatch.settings.profile_toml import profile_toml
    from biomatch.tables.places import begins, free_file
    from biomatch.tables.rows import read_days, read_groups, read_own, read_years
    from biomatch.tables.storage import write_text

    if out.suffix != ".toml":
        raise SettingsError(f"--out {out}", allowed="a file that ends in .toml")
    free_file(out, "face profile", held=begins("[likeness]", "[noise"))
    scores = (mated is not None) + (non_mated is not None)
    rows = {"--groups": groups, "--captured": captured, "--centre": centre or None}
    wrong = [key for key, given in rows.items() if given is not None] if embeddings is None else []
    wrong += ["--years-between"] if years_between is not None and embeddings is not None else []
    if wrong:
        raise SettingsError(
            f"{', '.join(wrong)} with {'scores' if embeddings is None else 'embeddings'}",
            allowed="--groups, --captured, --centre with EMBEDDINGS; --years-between with --mated",
        )
    if (embeddings is None) == (scores == 0) or scores == 1 or (labels is not None and embeddings is None):
        raise SettingsError(
            "what to fit is not clear",
            allowed="EMBEDDINGS with or without --labels, or both --mated and --non-mated",
        )
    with progress() as bar:
        if embeddings is not None:
            own = read_own(embeddings, labels)
            extras = Extras(
                own.lengths, read_days(captured, len(own.labels)), read_groups(groups, len(own.labels))
            )
            found = fit_embeddings(
                own.templates, own.labels, out.stem, progress=bar, first_enrolled=first_enrolled,
                centre=centre, extras=extras,
            )  # fmt: skip
        else:
            pair = [read_scores(path) for path in (mated, non_mated) if path is not None]
            apart = None if years_between is None else read_years(years_between)
            found = fit_scores(from_scores(pair[0], pair[1], apart), out.stem, bar)
    verdict = found.profile.verdict
    if verdict is not None and verdict.refused and not beyond:
        raise TableError(
            f"no profile was written, for none describes the data: {' '.join(verdict.refused)}",
            allowed="data that the model can describe",
            remedy="mend what the sentence names, or say --beyond to write the profile all the same",
        )
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
        "converged": found.profile.verdict is None or found.profile.verdict.converged,
        "refused": [] if found.profile.verdict is None else found.profile.verdict.refused,
        "suspects": None if found.suspects is None else found.suspects.to_json(),
        "groups": None if found.groups is None else found.groups.to_json(),
        "lengths": None if found.lengths is None else found.lengths.to_json(),
        "centred": bool(found.profile.centre),
        "goodness": found.goodness.to_json(),
        "notes": list(sample.notes),
        "trusted": not found.goodness.warnings,
    }


def _lines(found: Fitted, out: Path) -> list[str]:
    from biomatch.scorelaw.fit.report import NOT_FITTED

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
    lines += _group_lines(found)
    lines += ["", *(f"note: {text}" for text in _notes(found)), f"note: {NOT_FITTED}"]
    lines += [f"WARNING: {text}" for text in good.warnings]
    verdict = profile.verdict
    if verdict is not None and verdict.refused:
        return [*lines, *(f"REFUSED: {text}" for text in verdict.refused)]
    size = verdict.largest_gallery if verdict is not None else 1e6
    lines.append(
        f"next: biomatch predict {out} --gallery {size:.0f} --max-fpir 0.01; "
        f"or a world with --set faces.profile={out}"
    )
    return lines


def _notes(found: Fitted) -> list[str]:
    said = list(found.sample.notes)
    if found.profile.centre:
        said.append("the mean template was subtracted, and stands in the profile: subtract it from any other")
    if found.lengths is not None:
        low, rest = found.lengths.lowest, found.lengths.others
        said.append(
            f"lengths of templates foretell scores: rank correlation {found.lengths.correlation:.2f}; the "
            f"tenth with the smallest misses {low} at {found.lengths.threshold:.3f}, the others {rest}"
        )
    if found.sample.years:
        bins = ", ".join(f"{years:.1f}" for years, _ in found.sample.years)
        said.append(f"mated images lie {bins} years apart (means of thirds), at the built-in pace of ageing")
    return said


def _group_lines(found: Fitted) -> list[str]:
    table = found.groups
    if table is None:
        return []
    lines = [
        "",
        f"group        identities  FMR within, at {table.fmr_threshold:.4f}     FPIR of its probes, "
        f"N = {table.gallery:,}, at {table.fpir_threshold:.4f}",
    ]
    lines += [f"{row.group:12s} {row.identities:10,}  {row.fmr}  {row.fpir}" for row in table.rows]
    return [*lines, f"across groups: FMR {table.across}"]
