"""FPIR against N, up to the operational gallery, and a back-test of every method that carries it there.

The tested gallery is thinned: a random share of the enrolled people is kept, nested shares of the same
people, and the same searches are answered from the same candidate lists. What was left out is then the
larger gallery that each method of `biomatch.tuning.growth.methods` has to predict, and its error is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch import checks
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.identification import IdentificationCurve
from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.sweep import curves_of
from biomatch.evaluation.trials import ID, Trials, enumerate_trials, observed_of, owners
from biomatch.policy import OperatingPoint
from biomatch.portable.types import Ints, Reals
from biomatch.streams import stream
from biomatch.tables.candidates import CandidateLists
from biomatch.truth import Truth
from biomatch.tuning.growth.methods import Estimate, Gallery, Law, fpir_along, fpir_at

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the enrolled people that are kept, nested."""
FITTED = 1 / 4
"""The back-test fits on galleries up to this share and predicts the whole."""
BACK_TESTED = (0.1, 0.01)
"""FPIR of the whole gallery at which methods are back-tested, beside the tuned threshold: a rare alarm
alone would leave too few errors in a quarter of the gallery to tell methods apart."""
REACH = 100
"""How many times the tested N is shown where no operational N was asked for."""
SIZES = 6
"""Sizes from the tested N to the last, evenly spread over its logarithm."""
RESAMPLES = 60
"""Bootstrap samples of subjects behind the intervals of two of the methods."""
KEY = "growth"
"""Where an operating point's guarantee holds what `grown` gives."""


_METHODS_NEED = "growth with N needs probes that are not enrolled"


@dataclass(frozen=True, eq=False)
class Thinned:
    """The non-mated searches of a world against nested shares of its gallery.

    Attributes
    ----------
    galleries : tuple of Gallery
        In the order of `SHARES`; sizes are shares of the median N.
    settled_above : float
        Thresholds above this are exact: at lower ones a list of length L may hide a kept candidate.
    law : Law or None
        Score law of the face profile that the world names.
    profile : str or None
        Its name.
    """

    galleries: tuple[Gallery, ...]
    settled_above: float
    law: Law | None = None
    profile: str | None = None


def swept(lists: CandidateLists, truth: Truth) -> tuple[IdentificationCurve, Thinned | None]:
    """Make the curve of every threshold (as `sweep`) and the thinned galleries from one enumeration.

    Returns
    -------
    tuple of IdentificationCurve and Thinned or None
        None where the policy made no non-mated search itself.
    """
    trials = enumerate_trials(lists, truth)
    curve = curves_of(trials, lists, truth)
    return curve, thinned(lists, trials, truth) if curve.non_mated else None


def thinned(lists: CandidateLists, trials: Trials, truth: Truth) -> Thinned:
    """Answer the non-mated searches from nested shares of the gallery.

    Parameters
    ----------
    lists : CandidateLists
        Of a tuning world, with its observed side attached.
    trials : Trials
        Of the same lists.
    truth : Truth
        Says whose face a reference is: people, not images, are kept or left out.

    Raises
    ------
    ResultsError
        Where the policy made no non-mated search itself.
    """
    asked = trials.frame.filter(
        pl.col("counted") & ~pl.col("mated") & pl.col("acquired") & ~pl.col("designed")
    )
    if not len(asked):
        raise ResultsError("no non-mated search", remedy=_METHODS_NEED)
    rows = asked.select(ID).join(
        lists.searches.select(ID).with_row_index("row"), on=ID, how="left", maintain_order="left"
    )["row"]
    row = rows.cast(pl.Int64).fill_null(-1).to_numpy()
    answered = np.maximum(row, 0)
    score = np.where((row >= 0)[:, None], lists.score[answered], np.float32(-np.inf))
    ticket = _tickets(lists, truth, lists.reference_id[answered])
    size = float(asked["enrolled_count"].median())  # type: ignore[arg-type]
    subjects = asked["person_id"].to_numpy()
    full, last = np.isfinite(score[:, -1]), score[:, -1]
    found, settled = [], -np.inf
    for share in SHARES:
        kept = np.where(ticket < share, score, np.float32(-np.inf)).max(axis=1)
        # Nobody of a full list was kept: the best kept candidate lies somewhere below its end.
        hidden = full & np.isneginf(kept)
        settled = max(settled, float(last[hidden].max(initial=-np.inf)))
        found.append(Gallery(max(1, round(size * share)), kept.astype(np.float64), subjects))
    law, name = _law(truth)
    return Thinned(tuple(found), settled, law, name)


def pooled(worlds: Sequence[Thinned]) -> Thinned:
    """Put several worlds together; a subject of one is never a subject of another."""
    if not worlds:
        raise ResultsError("no world", remedy="give at least one")
    if len(worlds) == 1:
        return worlds[0]
    shift = np.cumsum([0, *[int(_subjects(one).max(initial=0)) + 1 for one in worlds]])
    subjects = np.concatenate([_subjects(one) + add for one, add in zip(worlds, shift, strict=False)])
    galleries = []
    for at in range(len(SHARES)):
        parts = [one.galleries[at] for one in worlds]
        weights = [part.top_scores.size for part in parts]
        size = round(float(np.average([part.size for part in parts], weights=weights)))
        galleries.append(Gallery(size, np.concatenate([part.top_scores for part in parts]), subjects))
    first = worlds[0]
    same = all(one.profile == first.profile for one in worlds)
    return Thinned(
        tuple(galleries),
        max(one.settled_above for one in worlds),
        first.law if same else None,
        first.profile if same else None,
    )


def grown(
    world: Thinned, threshold: float, *, gallery: int | None = None, confidence: float = 0.95
) -> dict[str, Any]:
    """Give FPIR against N at a threshold, and the back-test.

    Parameters
    ----------
    world : Thinned
        Of the tuning worlds.
    threshold : float
        T.
    gallery : int, optional
        Operational N; default: `REACH` times the tested one, which nobody asked for.
    confidence : float
        Two-sided, of every interval.

    Returns
    -------
    dict
        Plain data: ``threshold``, ``tested`` (N), ``operational`` (N or None), ``searches``,
        ``profile`` (whose law the face model is, or None), ``measured`` (a record a share: size and the
        rate's counts and interval), ``estimates`` (a record a method and size: method, size, fpir, low,
        high; None where a method has nothing to go by), ``back_test`` (a record a threshold: threshold,
        fitted_up_to (N), size, measured, estimates).
    """
    checks.confidence(confidence)
    base = world.galleries[-1]
    reach = max(base.size, gallery or REACH * base.size)
    usable = list(world.galleries) if threshold > world.settled_above else [base]
    sizes = [int(one) for one in np.unique(np.geomspace(base.size, reach, SIZES).round())[1:]]
    along = fpir_along(usable, sizes, threshold, law=world.law, confidence=confidence, resamples=RESAMPLES)
    estimates = [_record(one, size) for size, here in zip(sizes, along, strict=True) for one in here]
    return {
        "threshold": threshold,
        "tested": base.size,
        "operational": gallery,
        "searches": int(base.top_scores.size),
        "confidence": confidence,
        "profile": world.profile,
        "measured": [_measured(one, threshold, confidence) for one in usable],
        "estimates": estimates,
        "back_test": _back_test(world, threshold, confidence),
    }


def with_growth(
    point: OperatingPoint, worlds: Sequence[Thinned | None], *, gallery: int | None = None
) -> OperatingPoint:
    """Add FPIR against N to the guarantee of a point, where a report reads it.

    A point stays as it is where a world has no non-mated search of its own.

    Examples
    --------
    >>> import biomatch as bm
    >>> from biomatch.evaluation.trials import enumerate_trials
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 400}), seed=1)
    >>> lists = bm.search(made.observed, bm.System.load("default"))
    >>> found = thinned(lists, enumerate_trials(lists, made.truth), made.truth)
    >>> point = with_growth(bm.OperatingPoint.of(0.4, bm.System()), [found], gallery=100_000)
    >>> point.guarantee["growth"]["estimates"][-1]["size"]
    100000
    """
    given = [one for one in worlds if one is not None]
    if not given or len(given) < len(worlds):
        return point
    found = grown(pooled(given), point.face_threshold, gallery=gallery)
    return point.with_({"guarantee": {**point.guarantee, KEY: found}})


def _back_test(world: Thinned, threshold: float, confidence: float) -> list[dict[str, Any]]:
    """Predict the whole gallery from a quarter of it, and from what is nested in that."""
    whole = world.galleries[-1]
    fitted = [one for one, share in zip(world.galleries, SHARES, strict=True) if share <= FITTED]
    ranked = np.sort(whole.top_scores)[::-1]
    asked = [float(ranked[max(0, round(share * ranked.size) - 1)]) for share in BACK_TESTED]
    found = []
    for at in dict.fromkeys([*asked, threshold]):
        if not at > world.settled_above:  # a list of L candidates cannot tell there
            continue
        estimates = fpir_at(fitted, whole.size, at, law=world.law, confidence=confidence, resamples=RESAMPLES)
        found.append(
            {
                "threshold": at,
                "fitted_up_to": fitted[-1].size,
                "fitted": _measured(fitted[-1], at, confidence),
                "measured": _measured(whole, at, confidence),
                "estimates": [_record(one, whole.size) for one in estimates],
            }
        )
    return found


def _record(one: Estimate, size: int) -> dict[str, Any]:
    low, high = one.interval if one.interval is not None else (None, None)
    return {"method": one.method, "size": size, "fpir": one.fpir, "low": low, "high": high}


def _measured(one: Gallery, threshold: float, confidence: float) -> dict[str, Any]:
    return {"size": one.size, **rate_above(one.top_scores, one.subjects, threshold, confidence).to_json()}


def _subjects(world: Thinned) -> Ints:
    subjects = world.galleries[-1].subjects
    return np.zeros(0, np.int64) if subjects is None else subjects


def _tickets(lists: CandidateLists, truth: Truth, candidates: Ints) -> Reals:
    """Draw a number in [0, 1) for each enrolled person, and give that of every candidate; shape (n, L)."""
    owned = owners(observed_of(lists), truth).unique("template_row", keep="first", maintain_order=True)
    references = lists.references.select("reference_id", "template_row").join(
        owned, on="template_row", how="left", maintain_order="left"
    )
    # A reference without a person is one of its own.
    nobody = pl.col("reference_id") + 1 + int(truth.people["person_id"].max() or 0)  # type: ignore[arg-type]
    person = references.select(pl.col("person_id").fill_null(nobody))["person_id"].to_numpy()
    people, code = np.unique(person, return_inverse=True)
    drawn = stream(truth.lineage, "tuning.growth").random(people.size)[code]
    ids = references["reference_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids[order], candidates), max(ids.size - 1, 0))
    if not ids.size:
        return np.ones(candidates.shape)
    return np.asarray(drawn[order][place], dtype=np.float64)


def _law(truth: Truth) -> tuple[Law | None, str | None]:
    """Load the score law of the face profile that the scenario names, where it can be found."""
    from biomatch.scorelaw import ScoreLaw
    from biomatch.settings.profile import load_profile

    faces = truth.scenario.get("faces")
    name = faces.get("profile") if isinstance(faces, dict) else None
    if not isinstance(name, str):
        return None, None
    try:
        return ScoreLaw(load_profile(name)), Path(name).name
    except SettingsError:  # a file that is not here any more
        return None, None
