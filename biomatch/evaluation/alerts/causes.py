"""Why an honest traveller was stopped: the benign look-alikes of fraud, told apart by the truth."""

from __future__ import annotations

import polars as pl

from biomatch.errors import TableError
from biomatch.evaluation.alerts.events import Scene
from biomatch.registry import DETECTORS
from biomatch.tables.observed import DOCUMENT_KEY

CAUSES = (
    "keying error",  # the number that was typed is not the number of the document shown
    "twin",  # the other face is a twin's
    "relative",  # of the same family
    "look-alike",  # of a stranger
    "changed name",  # the same person, whose document now bears another name
    "second passport",  # the same person on a passport of another issuer
    "renewal",  # the same person on an older or newer document
    "bad image",  # among the worst tenth of the qualities, or no image
    "ageing",  # the photo is more than five years old
    "unlucky score",  # none of these
)
OLD_PHOTO_YEARS = 5.0
"""Age of a photo from which ageing is named as the cause (assumed: half of a passport's ten years)."""


def causes_of(false: pl.DataFrame, scene: Scene) -> pl.Series:
    """Name the cause of each false alarm.

    Parameters
    ----------
    false : polars.DataFrame
        Alerts (schema ``ALERTS``), none of which touches an event.
    scene : Scene
        The world.

    Returns
    -------
    polars.Series
        Strings of `CAUSES`; exclusive, tried in that order. A registered detector's own causes come first.
    """
    named = _shipped_causes(false, scene)
    kinds = false["kind"].cast(pl.String)
    for kind in DETECTORS:
        own, mine = DETECTORS.get(kind).causes, kinds == kind
        if own is None or not mine.any():
            continue
        answers = pl.Series(own(false.filter(mine), scene), dtype=pl.String)
        if len(answers) != mine.sum():
            raise TableError(
                f"causes of {kind!r} for {len(answers)} of {mine.sum()} false alarms", allowed="one for each"
            )
        named = named.scatter(mine.arg_true(), answers)
    return named


def _shipped_causes(false: pl.DataFrame, scene: Scene) -> pl.Series:
    facts = _facts(false, scene)
    same = pl.col("other_person") == pl.col("person_id")
    two = (pl.col("other_person") >= 0) & ~same
    poor = scene.encounters["quality"].drop_nulls().quantile(0.1)
    return facts.select(
        pl.when("mistyped").then(pl.lit("keying error"))
        .when(two & (pl.col("twin_id") == pl.col("other_person"))).then(pl.lit("twin"))
        .when(two & (pl.col("family_id") >= 0) & (pl.col("family_id") == pl.col("other_family")))
        .then(pl.lit("relative"))
        .when(two).then(pl.lit("look-alike"))
        .when(same & (pl.col("holder_name") != pl.col("other_name"))).then(pl.lit("changed name"))
        .when(same & (pl.col("document_issuer") != pl.col("other_issuer"))).then(pl.lit("second passport"))
        .when(same & (pl.col("document_number") != pl.col("other_number"))).then(pl.lit("renewal"))
        .when(pl.col("quality").is_null() | (pl.col("quality") <= (poor or 0.0))).then(pl.lit("bad image"))
        .when(pl.col("photo_years") >= OLD_PHOTO_YEARS).then(pl.lit("ageing"))
        .otherwise(pl.lit("unlucky score"))
        .alias("cause")
    ).to_series()  # fmt: skip


def _facts(false: pl.DataFrame, scene: Scene) -> pl.DataFrame:
    """Put beside each alert who stood there, whose face it was compared with, and the papers of both."""
    told = false.select(
        "encounter_id",
        other_encounter=_told("other_encounter_id", pl.Int64),
        other_row=_told("template_row", pl.Int64),
    ).with_columns(pl.col("other_encounter").fill_null(-1), pl.col("other_row").fill_null(-1))
    seen = scene.encounters.select(
        "encounter_id", "person_id", "claimed_person_id", "quality", "time", *DOCUMENT_KEY
    )
    documents = scene.observed.documents.select(
        "holder_name", "issued", document_number="number", document_issuer="issuer"
    )
    holders = scene.truth.documents.select(
        holder="person_id", document_number="number", document_issuer="issuer"
    )
    people = scene.truth.people.select("person_id", "family_id", "twin_id")
    listed = (
        scene.observed.watchlist.join(scene.truth.watchlist, on="reference")
        .select(other_row="template_row", listed_person="person_id")
        .unique("other_row")
    )
    others = seen.select(
        other_encounter="encounter_id",
        met_person="person_id",
        other_number="document_number",
        other_issuer="document_issuer",
    )
    names = documents.select(
        other_number="document_number", other_issuer="document_issuer", other_name="holder_name"
    )
    families = people.select(other_person="person_id", other_family="family_id")
    left = {"how": "left", "maintain_order": "left"}
    return (
        told.join(seen, on="encounter_id", **left)  # type: ignore[arg-type]
        .join(documents, on=DOCUMENT_KEY, **left)  # type: ignore[arg-type]
        .join(holders, on=DOCUMENT_KEY, **left)  # type: ignore[arg-type]
        .join(people, on="person_id", **left)  # type: ignore[arg-type]
        .join(others, on="other_encounter", **left)  # type: ignore[arg-type]
        .join(names, on=["other_number", "other_issuer"], **left)  # type: ignore[arg-type]
        .join(listed, on="other_row", **left)  # type: ignore[arg-type]
        .with_columns(other_person=pl.coalesce("met_person", "listed_person").fill_null(-1))
        .join(families, on="other_person", **left)  # type: ignore[arg-type]
        .with_columns(
            mistyped=(
                (pl.col("claimed_person_id") >= 0)
                & (pl.col("holder").is_null() | (pl.col("holder") != pl.col("claimed_person_id")))
            ).fill_null(value=False),
            photo_years=(pl.col("time").dt.date() - pl.col("issued")).dt.total_days() / 365.25,
        )
    )


def _told(name: str, kind: type[pl.DataType]) -> pl.Expr:
    """Read a number from the evidence; null where there is none or it says -1."""
    found = pl.col("evidence").str.json_path_match(f"$.{name}").cast(kind, strict=False)
    return pl.when(found >= 0).then(found)
