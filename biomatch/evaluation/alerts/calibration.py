"""Are the log-likelihood ratios calibrated in this world? Cllr, its minimum, and reliability by bins.

The models were trained on worlds of one face profile. On another matcher's faces their ratios may be wrong,
and nobody would see it in catch rates, which only need an order: so every result holds them to the truth.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evaluation.alerts.adversary import MOST_IMPOSTORS, Tried
from biomatch.evaluation.alerts.alert_result import ModelCalibration, ReliabilityBin
from biomatch.evaluation.alerts.donor_pools import some_of
from biomatch.evaluation.alerts.events import Scene
from biomatch.evaluation.llr_calibration import calibration, reliability
from biomatch.fraud.comparison import Comparison, weight_of
from biomatch.fraud.fusion import ratios
from biomatch.gallery.scoring import exact_scores
from biomatch.portable.types import Floats, Ints
from biomatch.streams import stream
from biomatch.system.run import Run
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

FEWEST = 50
"""Cases of either sort from which on a model is judged: below, Cllr is one pair's luck (assumed)."""
MOST_HONEST = 20_000
"""Honest encounters that are weighed by all evidence."""
SAYS = {
    "photo": "live face against a photo: a stranger's, or one's own",
    "entry": "face at an exit against an entry: a stranger's, or one's own",
    "fusion": "all evidence: encounters of a fraud, or honest ones",
}


def calibrations(run: Run, truth: Truth) -> tuple[ModelCalibration, ...]:
    """Hold the shipped models to the truth of a world.

    Parameters
    ----------
    run : Run
        With its world's observed side.
    truth : Truth
        Of the same world.

    Returns
    -------
    tuple of ModelCalibration
        One a model: photo, entry, fusion.

    Notes
    -----
    Pairs of faces are drawn, two of one person and two of strangers of one sex and region: frauds are too
    few in a world to judge by. Relatives, of whom some frauds consist, are left out. All evidence cannot be
    drawn, so it is judged by the frauds that the world has.
    """
    observed = run.lists.observed
    if observed is None:
        return ()
    return (
        _judged("photo", *_photos(observed, truth)),
        _judged("entry", *_entries(observed, truth)),
        _judged("fusion", *_fused(run, observed, truth)),
    )


def verdict_of(cllr: float | None, minimum: float | None) -> str:
    """Say whether ratios are calibrated: the loss is below a tenth of the minimum plus 0.01 bits.

    Examples
    --------
    >>> verdict_of(0.36, 0.33), verdict_of(0.35, 0.07), verdict_of(None, None)
    ('calibrated', 'NOT calibrated', 'too few cases')
    """
    if cllr is None or minimum is None:
        return "too few cases"
    return "calibrated" if cllr - minimum < 0.1 * minimum + 0.01 else "NOT calibrated"


def _judged(model: str, ratio: Floats, event: NDArray[np.bool_]) -> ModelCalibration:
    enough = min(int(event.sum()), int((~event).sum())) >= FEWEST
    cost = calibration(ratio, event) if enough else None
    bins = tuple(
        ReliabilityBin(
            stated=row["stated"],
            realised=row["realised"],
            low=row["realised_low"],
            high=row["realised_high"],
            events=row["events"],
            others=row["others"],
        )
        for row in reliability(ratio, event).iter_rows(named=True)
    )
    return ModelCalibration(
        model=model,
        says=SAYS[model],
        events=int(event.sum()),
        others=int((~event).sum()),
        cllr=None if cost is None else cost.cllr,
        minimum=None if cost is None else cost.minimum,
        verdict="too few cases" if cost is None else verdict_of(cost.cllr, cost.minimum),
        bins=bins if enough else (),
    )


def _photos(observed: Observed, truth: Truth) -> tuple[Floats, NDArray[np.bool_]]:
    """Compare faces with the photo of one's own passport, and with that of a stranger."""
    tried = Tried.of(observed, truth).some(truth.lineage, MOST_IMPOSTORS)
    people, donors = tried.people, tried.donors
    who, whose = _strangers(people, donors, truth.lineage, "photo")
    rows = np.r_[np.arange(len(people)), who]
    photo = np.r_[people["own_row"].to_numpy(), donors["photo_row"].to_numpy()[whose]]
    issued = pl.concat([people["own_issued"].rename("issued"), donors["issued"].gather(whose)])
    seen = people[rows]
    years = (seen["time"].dt.date() - issued).dt.total_days().cast(pl.Float64).fill_null(np.nan) / 365.25
    event = np.arange(len(rows)) >= len(people)
    return _weighed("photo", observed, seen, photo, years.to_numpy()), event


def _entries(observed: Observed, truth: Truth) -> tuple[Floats, NDArray[np.bool_]]:
    """Compare faces at exits with the face at one's own entry, and with a stranger's at theirs."""
    traits = truth.people.select("person_id", "group", "family_id", "birth_date")
    faces = observed.encounters.filter((pl.col("source") == "port") & (pl.col("template_row") >= 0))
    own = truth.encounters.filter(
        (pl.col("person_id") == pl.col("claimed_person_id"))
        & ~pl.col("encounter_id").is_in(truth.subversion["encounter_id"].implode())
    )
    start = pl.lit(observed.measure_from)
    entries = faces.filter(pl.col("direction") == "entry").select("encounter_id", entry_row="template_row")
    people = (
        faces.filter((pl.col("direction") == "exit") & (pl.col("time") >= start))
        .select("encounter_id", "template_row", "quality", "time")
        .join(own.select("encounter_id", "person_id", "counterpart_id"), on="encounter_id")
        .join(entries, left_on="counterpart_id", right_on="encounter_id")
        .sort("time", "encounter_id")
        .unique("person_id", keep="first", maintain_order=True)
        .join(traits, on="person_id", maintain_order="left")
        .sort("encounter_id")
    )
    people = some_of(people, MOST_IMPOSTORS, truth.lineage, "evaluation.calibration.people")
    who, whose = _strangers(people, people, truth.lineage, "entry")
    entry = people["entry_row"].to_numpy()
    rows = np.r_[np.arange(len(people)), who]
    event = np.arange(len(rows)) >= len(people)
    pairs = np.r_[entry, entry[whose]]
    return _weighed("entry", observed, people[rows], pairs, np.full(len(rows), np.nan)), event


def _strangers(people: pl.DataFrame, donors: pl.DataFrame, seed: int, name: str) -> tuple[Ints, Ints]:
    """Draw a stranger of the same sex and region for everybody who has one; rows of either frame."""
    draws = stream(seed, f"evaluation.calibration.{name}")
    family, others = (frame["family_id"].to_numpy() for frame in (people, donors))
    person, lender = (frame["person_id"].to_numpy() for frame in (people, donors))
    group, theirs = (frame["group"].to_numpy() for frame in (people, donors))
    pairs: list[tuple[int, int]] = []
    for label in np.unique(group):
        listed = np.flatnonzero(theirs == label)
        for row in np.flatnonzero(group == label):
            kin = (family[row] >= 0) & (others[listed] == family[row])
            able = listed[~kin & (lender[listed] != person[row])]
            if len(able):
                pairs.append((int(row), int(able[draws.integers(len(able))])))
    made = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return made[:, 0], made[:, 1]


def _weighed(what: Comparison, observed: Observed, seen: pl.DataFrame, other: Ints, years: Floats) -> Floats:
    faces = observed.templates
    similarity = exact_scores(faces, seen["template_row"].to_numpy(), faces, other).astype(np.float64)
    return weight_of(what, similarity, seen["quality"], years)


def _fused(run: Run, observed: Observed, truth: Truth) -> tuple[Floats, NDArray[np.bool_]]:
    """Weigh all evidence at encounters of frauds and at honest ones; without ratios where frauds are few."""
    scene = Scene.of(observed, truth)
    events = scene.events.filter("counted", pl.col("kind") != "watchlist")["encounter_id"].unique().sort()
    known = scene.encounters["encounter_id"]
    frauds = events.filter(events.is_in(known.implode()))
    honest = scene.honest["encounter_id"].sort()
    if len(frauds) < FEWEST or len(honest) < FEWEST:
        event = np.arange(len(frauds) + len(honest)) < len(frauds)
        return np.zeros(len(event)), event
    honest = some_of(honest, MOST_HONEST, truth.lineage, "evaluation.calibration.honest")
    known_then = run.facts
    rows = known_then.rows_of(pl.concat([frauds, honest]))
    event = np.arange(len(rows)) < len(frauds)
    received = rows >= 0  # as of that day
    return ratios(known_then, rows[received]).astype(np.float64), event[received]
