"""An adversary who knows the threshold: an impostor who picks the best donor in a pool of passports.

Nobody has to be an impostor for this: travellers of the graded world are taken one by one, each is given
the passports of a pool of strangers of the same sex, region and age, and the one that he would show is
put before the check that the run used, with the templates, the settings and the threshold of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.alerts.alert_result import AdversaryResult, DonorCatch, DonorPool
from biomatch.evaluation.alerts.donor_pools import KNOWN, OWN, SIZES, best_donors, expected_catch, some_of
from biomatch.fraud import document_photo
from biomatch.fraud.basis import basis, piece_of
from biomatch.fraud.detect import alert_thresholds
from biomatch.fraud.facts import CONFLICT_FLOOR
from biomatch.fraud.fusion import fusion_model
from biomatch.gallery.scoring import exact_scores
from biomatch.policy import OperatingPoint, accept
from biomatch.portable.types import Floats, Ints
from biomatch.rates import Rate, clustered_rate
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

MOST_IMPOSTORS = 2_000
"""Travellers who are tried as impostors: enough for an interval of half a point at a catch rate of 99%."""
HEARD = ("photo", "capture")
"""Pieces of evidence that speak where alerts are scored by fusion; all others depend on what else happens."""


@dataclass(frozen=True, eq=False)
class Tried:
    """Travellers who are tried as impostors, a row each, and the passports that they may be lent.

    Attributes
    ----------
    people : polars.DataFrame
        encounter_id, person_id, template_row (live), quality, attempts, time, own_row and own_issued
        (of their own photo), group, sex, birth_date, family_id, twin_id.
    donors : polars.DataFrame
        person_id, photo_row, issued, group, sex, birth_date, family_id: the latest passport of everybody
        whose photo is on file.
    """

    people: pl.DataFrame
    donors: pl.DataFrame

    @classmethod
    def of(cls, observed: Observed, truth: Truth) -> Tried:
        """Take the first counted entry of everybody who showed a face and their own passport."""
        traits = truth.people.select("person_id", "group", "sex", "birth_date", "family_id", "twin_id")
        rightful = truth.documents.filter(pl.col("contributor_id") < 0)
        donors = (
            observed.documents.filter((pl.col("kind") == "passport") & (pl.col("template_row") >= 0))
            .select("number", "issuer", "issued", photo_row="template_row")
            .join(rightful.select("number", "issuer", "person_id"), on=["number", "issuer"])
            .sort("issued", "number", "issuer")
            .unique("person_id", keep="last", maintain_order=True)
            .join(traits, on="person_id", maintain_order="left")
            .sort("photo_row")
        )
        start = pl.lit(observed.measure_from)
        subverted = truth.subversion["encounter_id"]
        seen = observed.encounters.filter(
            (pl.col("source") == "port")
            & (pl.col("direction") == "entry")
            & (pl.col("admission_class") != "RESIDENT")
            & (pl.col("template_row") >= 0)
            & (pl.col("time") >= start)
            & ~pl.col("encounter_id").is_in(subverted.implode())
        )
        own = truth.encounters.filter(pl.col("person_id") == pl.col("claimed_person_id"))
        people = (
            seen.select("encounter_id", "template_row", "quality", "attempts", "time")
            .join(own.select("encounter_id", "person_id"), on="encounter_id")
            .sort("time", "encounter_id")
            .unique("person_id", keep="first", maintain_order=True)
            .join(
                donors.select("person_id", own_row="photo_row", own_issued="issued"),
                on="person_id",
                maintain_order="left",
            )
            .join(traits, on="person_id", maintain_order="left")
            .sort("encounter_id")
        )
        return cls(people, donors.drop("twin_id"))

    def some(self, seed: int, most: int) -> Tried:
        """Draw at most so many of the people."""
        return Tried(some_of(self.people, most, seed, "evaluation.adversary.people"), self.donors)


def adversary(
    observed: Observed, truth: Truth, point: OperatingPoint, judged: pl.DataFrame
) -> AdversaryResult:
    """Count impostors who are caught by their face against the photo, by the size of their pool of donors.

    Parameters
    ----------
    observed, truth
        The world's two sides.
    point : OperatingPoint
        What was graded.
    judged : polars.DataFrame
        The run's alerts, as `biomatch.evaluation.alerts.judge.judge_alerts` gives them.

    Returns
    -------
    AdversaryResult
        With `AdversaryResult.absent` where nobody could be tried.

    Notes
    -----
    Two adversaries: one takes the passport whose photo the matcher finds most like his own passport's
    (``own_photo``); the other knows beforehand the score that each passport would get at the border
    (``score_known``), which nobody can. A real one lies between them, for he cannot foresee the image.
    """
    kind = document_photo.KIND
    if kind not in point.system.alerts.kinds:
        return AdversaryResult(kind, "the system does not compare faces with the photos of documents")
    every = Tried.of(observed, truth)
    tried = every.some(truth.lineage, MOST_IMPOSTORS)
    if not len(tried.people):
        return AdversaryResult(kind, "nobody showed a face and a passport whose photo is on file")
    check = _Check(observed, point)
    thresholds = check.thresholds(tried.people)
    pools, seen = [], best_donors(observed, tried.people, tried.donors, truth.lineage)
    law = check.law(truth) if point.system.alerts.scoring == "evidence" else None
    groups = tried.people["group"].to_numpy()
    for size in SIZES:
        here = seen.get(size, {})
        who = here[KNOWN][0] if here else np.arange(len(tried.people))
        pools.append(
            DonorPool(
                size,
                own_photo=check.rate(tried, *here[OWN]) if here else None,
                score_known=check.rate(tried, *here[KNOWN]) if here else None,
                expected=expected_catch(law, groups[who], -thresholds[who], size),
            )
        )
    same = np.unique(thresholds)
    return AdversaryResult(
        kind,
        scoring=point.system.alerts.scoring,
        threshold=float(same[0]) if len(same) == 1 else None,
        impostors=len(tried.people),
        profile=None if law is None else law.name,
        pools=tuple(pools),
        kin=_kin(every, truth, check),
        happened=_happened(observed, truth, judged),
    )


class _Check:
    """The check of a face against a photo, as the run's detectors make it."""

    def __init__(self, observed: Observed, point: OperatingPoint) -> None:
        self.observed, self.point = observed, point

    def law(self, truth: Truth) -> Any:
        """Load the law of the face profile that the world names; None where it is not here any more."""
        from biomatch.evaluation.alerts.donor_pools import FaceLaw

        return FaceLaw.of(truth, self.observed.dimension)

    def thresholds(self, people: pl.DataFrame) -> Floats:
        """Give the threshold of the kind where each encounter arose; shape (n,)."""
        asked = people.select("encounter_id", kind=pl.lit(document_photo.KIND))
        return alert_thresholds(asked, self.observed.encounters, self.point)

    def alarms(self, people: pl.DataFrame, photo_row: Ints, issued: pl.Series) -> NDArray[np.bool_]:
        """Say who alarms when shown with a passport; shape (n,).

        Parameters
        ----------
        people : polars.DataFrame
            With columns encounter_id, template_row (from 0), quality, attempts, time.
        photo_row : ndarray of int64
            Shape (n,): photos of the passports, from 0.
        issued : polars.Series
            Shape (n,): when they were issued.
        """
        faces = self.observed.templates
        similarity = exact_scores(faces, people["template_row"].to_numpy(), faces, photo_row)
        score = -similarity.astype(np.float64)
        if self.point.system.alerts.scoring == "fusion":
            score = _fused(people, similarity, issued)
        worth_keeping = similarity < CONFLICT_FLOOR
        return np.asarray(worth_keeping & accept(score, self.thresholds(people)))

    def rate(self, tried: Tried, who: Ints, donor: Ints) -> Rate:
        """Give caught / tried, those who are lent one person's passport as a cluster."""
        lent = tried.donors[donor]
        caught = self.alarms(tried.people[who], lent["photo_row"].to_numpy(), lent["issued"])
        return clustered_rate(*by_subject(caught, lent["person_id"].to_numpy()))


def _fused(people: pl.DataFrame, similarity: NDArray[np.float32], issued: pl.Series) -> Floats:
    """Weigh photo and capture alone, as `biomatch.fraud.fusion` weighs everything; nats."""
    nothing = np.full(len(people), np.nan)
    years = (people["time"].dt.date() - issued).dt.total_days().cast(pl.Float64) / 365.25
    known: Mapping[str, Floats] = {
        "photo": similarity.astype(np.float64),
        "quality": people["quality"].cast(pl.Float64).fill_null(np.nan).to_numpy() / 100.0,
        "attempts": people["attempts"].cast(pl.Float64).to_numpy(),
        "years": years.fill_null(np.nan).to_numpy(),
        "failed": np.zeros(len(people)),
    }
    absent = ("entry", "history", "papers", "identity", "morph", "swap", "ghost", "days")
    values, names = basis({**dict.fromkeys(absent, nothing), **known})
    values[:, [piece_of(name) not in HEARD for name in names]] = 0.0
    return fusion_model().run(values).astype(np.float64)


def _kin(every: Tried, truth: Truth, check: _Check) -> tuple[DonorCatch, ...]:
    """Count who is caught with the passport of a relative of the same sex, and with a twin's."""
    people, lent = every.people, every.donors.select(
        "sex", "family_id", "photo_row", "issued", donor="person_id"
    )  # fmt: skip
    twins = people.join(lent.select("donor", "photo_row", "issued"), left_on="twin_id", right_on="donor",
                        maintain_order="left").with_columns(donor="twin_id")  # fmt: skip
    related = (
        people.filter(pl.col("family_id") >= 0)
        .join(lent, on=["family_id", "sex"])
        .filter((pl.col("donor") != pl.col("person_id")) & (pl.col("donor") != pl.col("twin_id")))
        .sort("encounter_id", "photo_row")
        .unique("person_id", keep="first", maintain_order=True)
    )
    found = []
    for name, pairs in (("relative", related), ("twin", twins)):
        if not len(pairs):
            continue
        some = some_of(pairs, MOST_IMPOSTORS, truth.lineage, f"evaluation.adversary.{name}")
        caught = check.alarms(some, some["photo_row"].to_numpy(), some["issued"])
        found.append(DonorCatch(name, clustered_rate(*by_subject(caught, some["donor"].to_numpy()))))
    return tuple(found)


def _happened(observed: Observed, truth: Truth, judged: pl.DataFrame) -> tuple[DonorCatch, ...]:
    """Count the world's own impostors whose face was captured, by what the donor is to them."""
    traits = truth.people.select("person_id", "family_id", "twin_id")
    start = pl.lit(observed.measure_from)
    raised = judged.filter("raised", pl.col("kind") == document_photo.KIND)["encounter_id"]
    events = (
        truth.subversion.filter(pl.col("kind") == "impostor")
        .select("encounter_id", "actor_id", "victim_id")
        .join(observed.encounters, on="encounter_id", maintain_order="left")
        .filter((pl.col("time") >= start) & (pl.col("template_row") >= 0))
        .join(traits, left_on="actor_id", right_on="person_id", maintain_order="left")
        .join(traits.select(victim_id="person_id", other="family_id"), on="victim_id", maintain_order="left")
        .with_columns(
            donor=pl.when(pl.col("twin_id") == pl.col("victim_id")).then(pl.lit("twin"))
            .when((pl.col("family_id") >= 0) & (pl.col("family_id") == pl.col("other")))
            .then(pl.lit("relative"))
            .otherwise(pl.lit("stranger"))
        )
    )  # fmt: skip
    if not len(events):
        return ()
    caught = events["encounter_id"].is_in(raised.implode()).to_numpy()
    subverted = truth.scenario.get("subversion")
    pool = subverted.get("impostor_pool") if isinstance(subverted, Mapping) else None
    found = []
    for name in ("stranger", "relative", "twin"):
        mine = (events["donor"] == name).to_numpy()
        if mine.any():
            share = clustered_rate(*by_subject(caught[mine], events["actor_id"].to_numpy()[mine]))
            found.append(DonorCatch(name, share, pool if name == "stranger" else None))
    return tuple(found)
