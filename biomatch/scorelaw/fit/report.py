"""The whole way from a user's data to a profile with its goodness of fit and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, facts
from biomatch.errors import SettingsError
from biomatch.scorelaw.fit.centre import centre_of
from biomatch.scorelaw.fit.compare import FEWEST, People, from_embeddings
from biomatch.scorelaw.fit.goodness import Goodness, HeldOut, check_held_out, judge_fit
from biomatch.scorelaw.fit.groups import GroupTable, compare_groups, group_of_people, with_groups
from biomatch.scorelaw.fit.quality import LengthQuality, judge_lengths
from biomatch.scorelaw.fit.sample import ScoreSample
from biomatch.scorelaw.fit.suspects import Suspects, check_duplicates, find_suspects
from biomatch.scorelaw.fit.twin import Twin, fit_twin
from biomatch.scorelaw.fit.verdict import pronounce
from biomatch.scorelaw.law import ScoreLaw
from biomatch.settings.profile import FaceProfile
from biomatch.streams import stream
from biomatch.tables.embeddings import centred

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
NOT_FITTED = "ageing, kin and capture are the built-in model's: the data do not tell"


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
    """

    profile: FaceProfile
    sample: ScoreSample
    goodness: Goodness
    misfit: float
    suspects: Suspects | None = None
    groups: GroupTable | None = None
    lengths: LengthQuality | None = None

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
                ("next", "bm.predict(fitted.profile, gallery=1_000_000, max_fpir=0.003)"),
            ),
        )


@dataclass(frozen=True, eq=False)
class Extras:
    """What a user may know of the images beside who is on them.

    Attributes
    ----------
    lengths : ndarray or None
        Shape (n,), float64: length of each template before it was brought to unit length.
    taken : ndarray or None
        Shape (n,), float64: when each image was taken, in years from any day; NaN where not known.
    groups : ndarray or None
        Shape (n,), text: demographic group; empty where not known.
    """

    lengths: Floats | None = None
    taken: Floats | None = None
    groups: NDArray[np.str_] | None = None


def fit_embeddings(
    templates: NDArray[np.float32],
    labels: NDArray[np.str_],
    name: str,
    seed: int = 0,
    progress: Progress | None = None,
    first_enrolled: bool = False,
    *,
    centre: bool = False,
    extras: Extras | None = None,
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
        Whether the mean template is subtracted first; it is stored in the profile. The half that is held
        out has no part in the mean of the first fit.
    extras : Extras, optional
        Lengths, capture times and groups of the images.

    Returns
    -------
    Fitted
        Its profile carries a verdict, which may refuse it.

    Raises
    ------
    TableError
        See `from_embeddings`, `check_duplicates` and `fit_twin`.
    """
    known, people = extras or Extras(), People.of(labels)
    check_duplicates(templates, labels)
    groups = None if known.groups is None else group_of_people(people, known.groups)
    count = len(people.names)
    mixed = stream(seed, "fit.held_out").permutation(count)
    held: tuple[HeldOut, ...] = ()
    start: FaceProfile | None = None

    def sample_of(values: NDArray[np.float32], only: NDArray[np.int64] | None = None) -> ScoreSample:
        return from_embeddings(values, labels, seed, only, first_enrolled, known.taken)

    if count >= 4 * FEWEST:
        first, second = np.sort(mixed[: count // 2]), np.sort(mixed[count // 2 :])
        moved = centred(templates, centre_of(templates, labels, first) if centre else [], "the data")
        halves = [sample_of(moved, part) for part in (first, second)]
        half = fit_twin(halves[0], name, progress=progress)
        held = check_held_out(half, halves[1])
        start = half.profile
    middle = centre_of(templates, labels) if centre else []
    moved = centred(templates, middle, "the data")
    whole = sample_of(moved)
    twin = fit_twin(whole, name, start, progress)
    law = ScoreLaw(twin.profile)
    suspects = find_suspects(moved, labels, law, whole.median)
    lengths = judge_lengths(moved, people, known.lengths, whole.threshold_at(1e-3))
    changes: dict[str, object] = {"centre": middle}
    if lengths is not None:
        # Both images' noise and more go into a score, so that this is the least that a length tells of it.
        changes["noise.quality_correlation"] = float(np.clip(lengths.correlation, 0.0, 1.0))
    profile = twin.profile.with_(changes)
    table = None
    if groups is not None:
        table = compare_groups(moved, people, groups, profile)
        profile = with_groups(profile, table)
    found = Twin(profile, twin.misfit, twin.converged)
    goodness = judge_fit(found, whole, held, suspects)
    return Fitted(_finish(found, whole, goodness), whole, goodness, twin.misfit, suspects, table, lengths)


def fit_scores(sample: ScoreSample, name: str, progress: Progress | None = None) -> Fitted:
    """Fit a profile to scores alone; without people there is nothing to hold out."""
    twin = fit_twin(sample, name, progress=progress)
    goodness = judge_fit(twin, sample, ())
    return Fitted(_finish(twin, sample, goodness), sample, goodness, twin.misfit)


def fpir_band(identities: int) -> float:
    """Give the declared band of FPIR: it is off by a factor of up to 1 plus this, two decades of N away.

    Nine fits in ten of known profiles keep it (back-test of 20 repetitions each, benchmarks/results/fit.md);
    range [0.3, 2].
    """
    return float(f"{min(max(32.0 / np.sqrt(identities), 0.3), 2.0):.3g}")


def _finish(twin: Twin, sample: ScoreSample, goodness: Goodness) -> FaceProfile:
    law = ScoreLaw(twin.profile)
    # The anchor is where the data end: thirty non-mated scores lie beyond it.
    fmr = min(max(30.0 / sample.non_mated, 1e-12), 0.01)
    try:
        missed = max(float(law.fnmr(law.threshold_at_fmr(fmr))) * sample.mated_people, 1.0)
    except SettingsError:
        missed = 1.0
    people = sample.identities or 1000
    # What was held out may have been missed by more than back-tests of known profiles show.
    band = max(fpir_band(people), *(row.factor - 1.0 for row in goodness.held_out), 0.0)
    profile = twin.profile.with_(
        {
            "about": f"Twin fitted to {len(sample.mated):,} mated and {sample.non_mated:,} non-mated scores",
            "source": "biomatch fit, a user's data",
            "anchor.gallery": people,
            "anchor.fpir": float(f"{min(fmr * people, 0.99):.4g}"),
            "errors.fnir_model": float(f"{min(max(2.0 / np.sqrt(missed), 0.15), 2.0):.3g}"),
            "errors.fpir_model": float(f"{min(band, 2.0):.3g}"),
        }
    )
    verdict = pronounce(twin, sample, goodness)
    return _tidy(profile).with_({"verdict": verdict.model_dump(mode="json")})


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
