"""The whole way from a user's data to a profile with its goodness of fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, Progress, facts
from biomatch.scorelaw.fit.centre import centre_of
from biomatch.scorelaw.fit.goodness import Goodness, HeldOut, check_held_out, judge_fit
from biomatch.scorelaw.fit.sample import FEWEST, ScoreSample, from_embeddings
from biomatch.scorelaw.fit.suspects import Suspects, check_duplicates, find_suspects
from biomatch.scorelaw.fit.twin import Twin, fit_twin
from biomatch.scorelaw.law import ScoreLaw
from biomatch.settings.profile import FaceProfile
from biomatch.settings.verdict import REACH, UNUSABLE
from biomatch.streams import stream
from biomatch.tables.embeddings import centred

NOT_FITTED = "ageing, kin and capture are the built-in model's, and there are no groups: the data do not tell"


@dataclass(frozen=True, repr=False)
class Fitted(Carded):
    """A profile with what it was fitted to and how well.

    Attributes
    ----------
    profile : FaceProfile
        The twin; `bm.predict` and ``faces.profile`` of a scenario take it.
    sample : ScoreSample
        What it was fitted to.
    goodness : Goodness
        How well it fits, and warnings where it should not be trusted.
    misfit : float
        What the fit minimised.
    suspects : Suspects or None
        Images whose labels or quality are doubtful, by row; None where only scores were given.
    """

    profile: FaceProfile
    sample: ScoreSample
    goodness: Goodness
    misfit: float
    suspects: Suspects | None = None

    @property
    def _reach(self) -> int:
        return self.profile.verdict.largest_gallery if self.profile.verdict else REACH * FEWEST

    def card(self) -> Card:
        """Say what is shown: what was fitted to what, and whether to trust it."""
        warnings = self.goodness.warnings
        return Card(
            f"Fitted profile {self.profile.name}",
            facts(
                ("identities", self.sample.identities),
                ("mated scores", len(self.sample.mated)),
                ("non-mated scores", self.sample.non_mated),
                ("misfit", self.misfit),
                ("trusted", "yes" if not warnings else f"no: {warnings[0]}"),
                ("next", f"bm.predict(fitted.profile, gallery={self._reach}, max_fpir=0.003)"),
            ),
        )


def fit_embeddings(
    templates: NDArray[np.float32],
    labels: NDArray[np.str_],
    name: str,
    seed: int = 0,
    progress: Progress | None = None,
    first_enrolled: bool = False,
    centre: bool = False,
) -> Fitted:
    """Fit a profile to embeddings: first to half of the identities, checked on the others, then to all.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    labels : ndarray
        Shape (n,), text.
    name : str
        The profile's name.
    seed : int
        Splits the identities.
    progress : callable, optional
        Called with (stage, done, total).
    first_enrolled : bool
        Whether the first image of each identity is its enrolled one; see `from_embeddings`. Without it both
        images of a mated pair are taken to be of the probes' kind, and FNIR is that of two such images.
    centre : bool
        Whether to subtract the mean template first; the profile keeps it, and it describes the scores of
        templates that it was subtracted from (`biomatch.tables.embeddings.centred`).

    Returns
    -------
    Fitted

    Raises
    ------
    TableError
        See `from_embeddings` and `fit_twin`.
    """
    middle: tuple[float, ...] | None = None
    if centre:
        check_duplicates(templates, labels)  # as they were given: rounding may part two copies
        middle = centre_of(templates, labels)
        templates = centred(templates, middle, "the templates")
    whole = from_embeddings(templates, labels, seed, first_enrolled=first_enrolled)
    count = len(np.unique(labels))
    mixed = stream(seed, "fit.held_out").permutation(count)
    held: tuple[HeldOut, ...] = ()
    start: FaceProfile | None = None
    if count >= 4 * FEWEST:
        first, second = np.sort(mixed[: count // 2]), np.sort(mixed[count // 2 :])
        halves = [from_embeddings(templates, labels, seed, part, first_enrolled) for part in (first, second)]
        half = fit_twin(halves[0], name, progress=progress)
        held = check_held_out(half, halves[1])
        start = half.profile
    twin = fit_twin(whole, name, start, progress)
    suspects: Suspects | None = None
    if twin.misfit < UNUSABLE:  # a law that does not describe the scores cannot say which are strange
        suspects = find_suspects(templates, labels, ScoreLaw(twin.profile), float(np.median(whole.mated)))
    return _finish(twin, whole, held, suspects, middle)


def fit_scores(sample: ScoreSample, name: str, progress: Progress | None = None) -> Fitted:
    """Fit a profile to scores alone; without people there is nothing to hold out."""
    return _finish(fit_twin(sample, name, progress=progress), sample, ())


def fpir_band(identities: int) -> float:
    """Give the declared band of FPIR: it is off by a factor of up to 1 plus this, two decades of N away.

    Nine fits in ten of known profiles keep it (back-test of 20 repetitions each, benchmarks/results/fit.md);
    range [0.3, 2].
    """
    return float(f"{min(max(32.0 / np.sqrt(identities), 0.3), 2.0):.3g}")


def _finish(
    twin: Twin,
    sample: ScoreSample,
    held: tuple[HeldOut, ...],
    suspects: Suspects | None = None,
    centre: tuple[float, ...] | None = None,
) -> Fitted:
    goodness = judge_fit(twin, sample, held, suspects)
    law = ScoreLaw(twin.profile)
    # The anchor is where the data end: thirty non-mated scores lie beyond it.
    fmr = min(max(30.0 / sample.non_mated, 1e-12), 0.01)
    missed = max(float(law.fnmr(law.threshold_at_fmr(fmr))) * sample.mated_people, 1.0)
    people = sample.identities or 1000
    # The part kept from the fit may miss by more than fits of known profiles do.
    band = max([fpir_band(people), *(row.factor - 1.0 for row in held)])
    profile = twin.profile.with_(
        {
            "about": f"Twin fitted to {len(sample.mated):,} mated and {sample.non_mated:,} non-mated scores",
            "source": "biomatch fit, a user's data",
            "centre": centre,
            "anchor.gallery": people,
            "anchor.fpir": float(f"{min(fmr * people, 0.99):.4g}"),
            "errors.fnir_model": float(f"{min(max(2.0 / np.sqrt(missed), 0.15), 2.0):.3g}"),
            "errors.fpir_model": float(f"{min(band, 2.0):.3g}"),
            "verdict": {
                "misfit": float(f"{twin.misfit:.4g}"),
                "identities": sample.identities,
                "largest_gallery": REACH * people,
                "warnings": list(goodness.warnings),
            },
        }
    )
    return Fitted(_tidy(profile), sample, goodness, twin.misfit, suspects)


def _tidy(profile: FaceProfile) -> FaceProfile:
    """Round what was fitted to four digits, as the built-in profiles are."""
    return profile.with_(
        {
            f"{section}.{key}": float(f"{value:.4g}")
            for section in ("likeness", "noise")
            for key, value in getattr(profile, section).model_dump().items()
            if isinstance(value, float)
        }
    )
