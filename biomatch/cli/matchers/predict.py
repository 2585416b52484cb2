"""``biomatch predict``: what a face profile says about a gallery of any size."""

from __future__ import annotations

from typing import Annotated

import typer

from biomatch.cli.console import Json, emit


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("predict")(predict)


def predict(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Built-in name or a TOML file.")],
    gallery: Annotated[float, typer.Option(help="N, enrolled persons: 100 to 1e9.")],
    max_fpir: Annotated[float, typer.Option(help="Limit of FPIR, such as 0.003.")],
    images: Annotated[int, typer.Option(help="K, enrolled images of each person.")] = 1,
    years: Annotated[float, typer.Option(help="Years between enrolled images and probe.")] = 0.0,
    beyond: Annotated[
        bool, typer.Option("--beyond", help="Answer beyond the range of a fitted profile, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Predict threshold and FNIR of a face profile at any gallery size, without simulation."""
    from biomatch.scorelaw.predict import predict as ask
    from biomatch.settings.profile import load_profile

    chosen = load_profile(profile)
    found = ask(chosen, gallery, max_fpir, images=images, years=years, beyond=beyond)
    payload = {
        "profile": chosen.name,
        "gallery": gallery,
        "max_fpir": max_fpir,
        "images": images,
        "years": years,
        **found.to_json(),
    }
    (t_low, t_high), (f_low, f_high) = found.threshold_interval, found.fnir_interval
    lines = [
        f"{chosen.name}: {chosen.about}",
        f"N = {gallery:,.0f} persons, {images} image(s) each, {years:g} years between images",
        f"threshold  {found.threshold:.4f}  ({t_low:.4f} to {t_high:.4f})  {found.how['threshold']}",
        f"FPIR       {found.fpir:.3g}  at N = {gallery:,.0f}; {found.fpir_if_independent:.3g} if comparisons "
        f"were independent  {found.how['fpir']}",
        f"FNIR       {found.fnir:.3g}  ({f_low:.2g} to {f_high:.2g}), any rank  {found.how['fnir']}",
        f"FMR        {found.fmr:.3g}  a comparison with one person  {found.how['fmr']}",
        "The bands are the profile's declared error, not the confidence interval of a sample.",
        *(f"WARNING: {text}" for text in found.warnings),
    ]
    emit(as_json, payload, lines)
