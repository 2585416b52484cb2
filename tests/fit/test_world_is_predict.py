"""A world on a profile matches as `predict` says: FMR, FPIR and FNIR of its searches lie in the band.

Measured and predicted agree where the 99.9% interval of what was counted meets the band that the profile
declares. Shipped profiles are sampled without groups: `predict` speaks of the reference population.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from biomatch_synthetic.world import make

from biomatch.rates import clustered_rate, rate
from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_embeddings
from biomatch.scorelaw.predict import predict_by
from biomatch.settings.profile import BUILT_IN, load_profile
from biomatch.settings.profile_toml import profile_toml
from biomatch.settings.scenario import Scenario

CONFIDENCE = 0.999
LIMITS = (0.1, 0.03)


@dataclass(frozen=True)
class Scores:
    """Scores of one experiment: probes x references of strangers (-1: left out), and mated ones."""

    strangers: np.ndarray
    mated: np.ndarray


def rows(space, people, ids, capture, enrolment=False):
    out = np.empty((len(ids), space.dimension), np.float32)
    render(space, people, Shots.of(ids, capture, enrolment=enrolment), out)
    return out


def sampled(profile, enrolled=1000, probes=1500, mates=2000, seed=901):
    """Compare faces straight from the generator."""
    space, ids = FaceSpace(profile, seed=seed), np.arange(enrolled + probes + mates)
    people = People.make(profile, ids)
    references, seekers, pairs = np.split(ids, [enrolled, enrolled + probes])
    strangers = rows(space, people, seekers, 1) @ rows(space, people, references, 0, True).T
    first, second = rows(space, people, pairs, 0, True), rows(space, people, pairs, 1)
    return Scores(strangers, np.einsum("nd,nd->n", first, second))


def searched(profile, folder, travellers=1500, seed=3):
    """Compare what a generated world holds: documents' photos with captures of other families; own stays.

    One attempt a capture and one face a journey, for `predict` knows neither retakes nor these worlds' years.
    """
    path = folder / "twin.toml"
    path.write_text(profile_toml(profile), encoding="utf-8")
    scenario = Scenario.load("tiny").with_(
        {
            "faces.profile": str(path), "travellers": travellers, "captures.max_attempts": 1,
            "faces.same_face_days": 3650.0,
        }
    )  # fmt: skip
    observed, truth = make(scenario, seed)
    assert observed.templates.shape[1] == profile.dimension
    family = {p: -p - 1 if f < 0 else f for p, f in truth.people.select("person_id", "family_id").iter_rows()}
    taken = pl.col("template_row") >= 0
    seen = observed.encounters.filter(taken).join(truth.encounters, on="encounter_id")
    papers = observed.documents.filter(taken).join(truth.documents, on=["number", "issuer"])
    papers = papers.unique("person_id", maintain_order=True)
    probes = seen.unique("person_id", maintain_order=True)
    strangers = observed.templates[probes["template_row"]] @ observed.templates[papers["template_row"]].T
    own, theirs = (np.array([family[p] for p in frame["person_id"]]) for frame in (probes, papers))
    strangers[own[:, None] == theirs] = -1.0
    stays = seen.join(seen, left_on="counterpart_id", right_on="encounter_id", suffix="_of")
    stays = stays.filter(
        (pl.col("person_id") == pl.col("person_id_of")) & (pl.col("direction").cast(pl.String) == "entry")
    )
    first, second = (observed.templates[stays[name]] for name in ("template_row", "template_row_of"))
    return Scores(strangers, np.einsum("nd,nd->n", first, second))


def outside(profile, scores):
    """Name the figures whose counted interval misses the band of the prediction."""
    law, missed = ScoreLaw(profile), []
    enrolled = int(np.median((scores.strangers > -1.0).sum(axis=1)))
    for limit in LIMITS:
        found = predict_by(law, enrolled, limit)
        low, high = found.threshold_interval
        hits = scores.strangers >= found.threshold
        trials = (scores.strangers > -1.0).sum(axis=1)
        lost = int((scores.mated < found.threshold).sum())
        figures = {
            "FMR": (clustered_rate(hits.sum(axis=1), trials, CONFIDENCE), law.fmr(high), law.fmr(low)),
            "FPIR": (
                rate(int(hits.any(axis=1).sum()), len(hits), CONFIDENCE),
                law.fpir(enrolled, high),
                law.fpir(enrolled, low),
            ),
            "FNIR": (rate(lost, len(scores.mated), CONFIDENCE), *found.fnir_interval),
        }
        for name, (counted, least, most) in figures.items():
            if counted.interval[1] < least or counted.interval[0] > most:
                missed.append(f"{name} at FPIR {limit}: {counted}, predicted {least:.3g} to {most:.3g}")
    return missed


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_shipped_profile_samples_as_it_predicts(name):
    profile = load_profile(name)
    assert outside(profile, sampled(profile)) == []


def test_a_fitted_profile_samples_as_it_predicts(fitted):
    assert outside(fitted.profile, sampled(fitted.profile)) == []


def test_a_world_on_a_fitted_profile_matches_as_it_predicts(fitted, tmp_path):
    assert outside(fitted.profile, searched(fitted.profile, tmp_path)) == []


@pytest.mark.parametrize(("own", "run"), [(512, 128), (128, 512)])
def test_at_another_dimension_it_would_not(own, run):
    """What a world did while the scenario named the dimension; so the tests above can fail."""
    profile = load_profile("visa-border-leader" if own == 512 else "visa-border-small")
    missed = outside(profile, sampled(profile.with_({"dimension": run})))
    assert sum(text.startswith("FPIR") for text in missed) == len(LIMITS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "dimension",
    [64, *(pytest.param(many, marks=pytest.mark.slow) for many in (100, 128, 192)), 512],
)
def test_profiles_fitted_at_five_dimensions_match_as_they_predict(embeddings, tmp_path, dimension):
    truth = load_profile("boarding-small").with_({"dimension": dimension, "noise.scale": 0.9})
    profile = fit_embeddings(*embeddings(truth, 400, 3, seed=dimension), "twin").profile
    assert outside(profile, sampled(profile, 2000, 4000, 8000)) == []
    assert outside(profile, searched(profile, tmp_path, 4000)) == []
