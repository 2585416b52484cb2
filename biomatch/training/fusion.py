"""Samples of fraud evidence from reserved worlds, and the fits of calibrators and fusion on them.

Everybody gets the same model from the same versions: worlds come from reserved seeds, the fit is convex
and starts at zero, nothing is drawn. `biomatch.training.models` writes the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.cards import Step
from biomatch.evaluation.alerts.events import Scene
from biomatch.fraud.basis import basis, evidence_at
from biomatch.fraud.facts import Facts
from biomatch.overstay.linkage.documents import link_documents
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.tables.observed import DOCUMENT_KEY, Observed
from biomatch.truth import Truth
from biomatch.worlds import FIRST_RESERVED_SEED

TRAIN_SEEDS = tuple(FIRST_RESERVED_SEED + n for n in range(101, 107))
CHECK_SEEDS = tuple(FIRST_RESERVED_SEED + n for n in range(201, 204))
"""Worlds that the cards' figures are measured on."""
FRAUDS_PER_MILLION = 10_000.0
"""Prevalence of each kind in the training worlds: enriched, so that there is something to learn from."""
TRAVELLERS = 10_000
RIDGE = {"fusion": 1.0, "photo": 100.0, "entry": 100.0}
"""Inverse strength of the penalty on the coefficients, scikit-learn's ``C``. Leaving one training world out
in turn, Cllr of ``entry`` was 0.043, 0.024, 0.019 and 0.017 bits at 1, 10, 100 and 1,000 (``photo``: 0.019,
0.011, 0.008 and 0.007): with few events a strong penalty keeps a pair that agrees well from speaking as much
against fraud as it does. At 1,000 such a pair would say -10 and -19 nats, which no thousand events show.
``fusion`` gains nothing below its penalty: 0.427 and 0.421 bits, and higher ratios that are further off."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Encounters of a world with their evidence and what the truth says of them.

    Attributes
    ----------
    values : ndarray of float32
        Shape (n, k): columns of `biomatch.fraud.basis.basis`.
    names : tuple of str
        The k names.
    guilty : ndarray of bool
        Shape (n,): something is subverted there.
    kind : ndarray of str
        Shape (n,): kind of event; empty where there is none.
    holder : ndarray of bool
        Shape (n,): who stands there is whose face the document's photo shows.
    returns : ndarray of bool
        Shape (n,): who leaves is who entered (False where there is no such pair).
    group : ndarray of str
        Shape (n,).
    seed : int
        Lineage.
    policy : str
        Gallery policy under which it was searched.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    guilty: NDArray[np.bool_]
    kind: NDArray[np.str_]
    holder: NDArray[np.bool_]
    returns: NDArray[np.bool_]
    group: NDArray[np.str_]
    seed: int
    policy: str = ""


def enriched(
    per_million: float = FRAUDS_PER_MILLION, kinds: Sequence[str] = KINDS, travellers: int = TRAVELLERS
) -> Scenario:
    """Make the scenario of the training worlds: an airport where fraud is common."""
    changes: dict[str, Any] = {f"subversion.{kind}": 0.0 for kind in KINDS}
    changes |= {f"subversion.{kind}": per_million for kind in kinds}
    return Scenario.load("airport").with_({"travellers": travellers, **changes})


def facts_of(observed: Observed, system: System) -> Facts:
    """Search a world and gather what the detectors read."""
    last = str(observed.about["last_day"])
    links = link_documents(
        observed.encounters,
        pl.Series([last]).str.to_date()[0],
        manifests=observed.manifests,
        movements=observed.movements,
        settings=system.linkage,
    )
    return Facts(observed, search(observed, system), links.stays, None, system.alerts.unseen_departures)


def sample_of(facts: Facts, truth: Truth) -> Sample:
    """Put evidence and truth of a world's counted encounters side by side, victims left out."""
    scene = Scene.of(facts.observed, truth)
    # Victims, and actors on their own papers, are neither: what speaks against them is a fraud elsewhere.
    affected = facts.table["encounter_id"].is_in(scene.affected.implode())
    rows = np.flatnonzero(((facts.table["time"] >= scene.start) & ~affected).to_numpy())
    values, names = basis(evidence_at(facts, rows))
    kinds = scene.events.filter(pl.col("kind") != "watchlist").select(
        "encounter_id", "actor_id", "kind", *DOCUMENT_KEY
    )
    placed = kinds.select("encounter_id", "kind").unique("encounter_id", keep="first", maintain_order=True)
    acted = (
        kinds.drop_nulls(DOCUMENT_KEY)
        .select("actor_id", *DOCUMENT_KEY, acted="kind")
        .unique(["actor_id", *DOCUMENT_KEY], keep="first", maintain_order=True)
    )
    left: dict[str, Any] = {"how": "left", "maintain_order": "left"}
    frame = (
        facts.table[rows]
        .select("encounter_id", *DOCUMENT_KEY)
        .join(scene.truth.encounters.select("encounter_id", "person_id", "claimed_person_id"),
              on="encounter_id", **left)
        .join(placed, on="encounter_id", **left)
        .join(acted, left_on=["person_id", *DOCUMENT_KEY], right_on=["actor_id", *DOCUMENT_KEY], **left)
        .join(truth.people.select("person_id", "group"), on="person_id", **left)
        .join(truth.documents.select(*[pl.col(n.removeprefix("document_")).alias(n) for n in DOCUMENT_KEY],
                                     holder="person_id", other="contributor_id"), on=DOCUMENT_KEY, **left)
    )  # fmt: skip
    borrowed = (frame["claimed_person_id"] >= 0) & (frame["person_id"] != frame["claimed_person_id"])
    kind = pl.select(
        pl.coalesce(frame["kind"], frame["acted"], pl.when(borrowed).then(pl.lit("impostor"))).fill_null("")
    ).to_series()
    person = frame["person_id"]
    entry = facts.entry_of[rows]
    entered = np.where(entry >= 0, _persons(facts, truth)[np.maximum(entry, 0)], -2)
    return Sample(
        values,
        tuple(names),
        (kind != "").to_numpy(),
        kind.to_numpy().astype(str),
        ((person == frame["holder"]) | (person == frame["other"])).fill_null(value=False).to_numpy(),
        entered == person.to_numpy(),
        frame["group"].fill_null("unknown").to_numpy().astype(str),
        truth.lineage,
    )


def _persons(facts: Facts, truth: Truth) -> NDArray[np.int64]:
    known = truth.encounters.select("encounter_id", "person_id")
    joined = facts.table.select("encounter_id").join(
        known, on="encounter_id", how="left", maintain_order="left"
    )
    return joined["person_id"].fill_null(-1).to_numpy()


def fit(values: NDArray[np.float32], event: NDArray[np.bool_], ridge: float = 1.0) -> Any:
    """Fit log-likelihood ratios: a logistic regression whose intercept gives back the sample's odds.

    Parameters
    ----------
    values : ndarray of float32
        Shape (n, k).
    event : ndarray of bool
        Shape (n,).
    ridge : float
        Inverse strength of the penalty (`RIDGE`), on columns brought to the same range.

    Returns
    -------
    sklearn.linear_model.LogisticRegression
        Its ``decision_function`` is the natural log-likelihood ratio of the event.
    """
    from sklearn.linear_model import LogisticRegression

    scale = np.maximum(np.abs(values).max(axis=0), 1e-6)
    model = LogisticRegression(C=ridge, max_iter=5_000, tol=1e-6)
    model.fit((values / scale).astype(np.float64), event)
    model.coef_ = model.coef_ / scale
    model.intercept_ = model.intercept_ - np.log(event.sum() / (~event).sum())
    return model


def export(model: Any, columns: int) -> bytes:
    """Write a fitted model as ONNX (needs the extra ``train``)."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    made = to_onnx(
        model,
        initial_types=[("evidence", FloatTensorType([None, columns]))],
        options={id(model): {"raw_scores": True, "zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    made.graph.name = "biomatch"
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def parts_of(sample: Sample) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.bool_]]]:
    """Say for each model which rows and columns of a sample it is fitted on, and what its event is."""
    names = np.array(sample.names)

    def columns(piece: str) -> NDArray[np.intp]:
        return np.flatnonzero(np.char.startswith(names, piece) & (names != f"{piece} compared"))

    photo = sample.values[:, sample.names.index("photo compared")] > 0
    entry = sample.values[:, sample.names.index("entry compared")] > 0
    return {
        "fusion": (np.ones(len(sample.guilty), dtype=np.bool_), np.arange(len(names)), sample.guilty),
        "photo": (photo, columns("photo"), ~sample.holder),
        "entry": (entry, columns("entry"), ~sample.returns),
    }


def used_by(name: str, samples: Sequence[Sample]) -> list[Sample]:
    """Keep what a model has to see: a comparison is the same under every policy, so it counts once."""
    if name == "fusion":
        return list(samples)
    return list({sample.seed: sample for sample in reversed(samples)}.values())[::-1]


def train(samples: Sequence[Sample], name: str) -> tuple[Any, tuple[str, ...]]:
    """Fit one of the models on the union of samples; give it and the names of its columns."""
    values, events = [], []
    chosen: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
    for sample in used_by(name, samples):
        rows, chosen, event = parts_of(sample)[name]
        values.append(sample.values[np.ix_(np.flatnonzero(rows), chosen)])
        events.append(event[rows])
    model = fit(np.concatenate(values), np.concatenate(events), RIDGE[name])
    return model, tuple(np.array(samples[0].names)[chosen].tolist())


def gather(
    seeds: Sequence[int],
    progress: Step = lambda text: None,
    systems: Sequence[str] = ("all", "today"),
) -> list[Sample]:
    """Make the worlds of reserved seeds and gather their samples, searched by built-in systems."""
    from biomatch_synthetic.world import make

    found = []
    for seed in seeds:
        observed, truth = make(enriched(), seed)
        for name in systems:
            progress(f"world {seed}, policy {name}")
            system = System.load(name)
            one = sample_of(facts_of(observed, system), truth)
            found.append(replace(one, policy=system.gallery.policy))
    return found
