"""Model cards: data, use, limits, and figures on worlds that the model has not seen, by kind and group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.evaluation.llr_calibration import calibration, reliability
from biomatch.rates import rate
from biomatch.training.fusion import FRAUDS_PER_MILLION, RIDGE, TRAVELLERS, Sample, parts_of, used_by

_WHAT = {
    "fusion": (
        "Fusion of all evidence at an encounter",
        "fraud of any kind at this encounter, against an honest encounter",
        'Scoring of alerts (`alerts.scoring = "fusion"`) and the explanation of one alert.',
    ),
    "photo": (
        "Live face against the document's photo",
        "another person than the photo's, against the photo's own person",
        "Evidence of an alert (`photo_nats`): what a comparison with a photo says alone, by similarity, "
        "quality and the photo's age. No alert is raised or ranked by it.",
    ),
    "entry": (
        "Face at exit against the face at entry",
        "another person than who entered, against the same person",
        "Evidence of an alert (`entry_nats`): what the pair that a document closes says alone, by similarity "
        "and quality. No alert is raised or ranked by it.",
    ),
}
STOPS_PER_MILLION = 1_000
"""Honest encounters stopped at which the cards state what is caught."""


def card(name: str, model: Any, samples: Sequence[Sample], checks: Sequence[Sample]) -> str:
    """Write the card of one model as Markdown."""
    title, event, use = _WHAT[name]
    # Everybody once: an encounter that several policies searched is still one encounter.
    shown = [sample for sample in used_by(name, checks) if sample.policy == checks[0].policy]
    r, y, k, g = _judged(name, model, shown)
    cost = calibration(r, y)
    threshold = float(np.quantile(r[~y], 1.0 - STOPS_PER_MILLION / 1e6))
    lines = [
        f"# {title} (`{name}.onnx`)",
        "",
        f"**Gives** the natural log-likelihood ratio of: {event}.",
        f"**Use.** {use}",
        "**Limits.** Trained on synthetic worlds of one face profile (`visa-border-leader`) and one kind of "
        "scenario; on another profile, matcher or mix of fraud its ratios may be wrong, and "
        "`make models` on worlds of that kind is the remedy. It never sees sex, age or region. "
        "No decision about a real person may rest on it.",
        "",
        "**Data.** Worlds of scenario `airport` with reserved seeds "
        f"{', '.join(str(seed) for seed in sorted({sample.seed for sample in samples}))}, "
        f"{TRAVELLERS:,} travellers each, every kind of subversion at {FRAUDS_PER_MILLION:,.0f} per million "
        "visits, searched under the policies `all` and `open_stays`. "
        f"{_counts(name, samples)}",
        f"**Method.** Logistic regression on hinges of the evidence, L2 penalty C = {RIDGE[name]:g}; the "
        "sample's odds are taken out of the intercept. Group-blind.",
        "",
        "## Figures on worlds that it has not seen",
        "",
        f"Seeds {', '.join(str(seed) for seed in sorted({sample.seed for sample in checks}))}; "
        f"policy `{shown[0].policy}`; {cost.events:,} events, {cost.others:,} others.",
        "",
        f"- Cllr {cost.cllr:.4f} bits, minimum {cost.minimum:.4f}, loss by calibration {cost.loss:.4f}",
        *_other_policies(name, model, checks),
        f"- at a threshold of {threshold:.2f} nats, which stops {STOPS_PER_MILLION:,} of a million others:",
        "",
        "| kind of event | caught |",
        "|---|---|",
    ]
    lines += [
        f"| {label} | {rate(int((r[y & (k == label)] >= threshold).sum()), int((y & (k == label)).sum()))} |"
        for label in sorted(set(k[y]))
    ]
    lines += ["", "| group | others stopped | events caught |", "|---|---|---|"]
    for label in sorted(set(g)):
        of = g == label
        stopped = rate(int((r[of & ~y] >= threshold).sum()), int((of & ~y).sum()))
        caught = rate(int((r[of & y] >= threshold).sum()), int((of & y).sum()))
        lines.append(f"| {label} | {stopped} | {caught} |")
    lines += ["", "Reliability, in bins of equally many events (nats):", ""]
    lines += ["| stated | realised (95%) | events | others |", "|---|---|---|---|"]
    for row in reliability(r, y).iter_rows(named=True):
        said = "none" if row["realised"] is None else f"{row['realised']:.2f}"
        span = f"{_or_open(row['realised_low'])} to {_or_open(row['realised_high'])}"
        stated = "none" if row["stated"] is None else f"{row['stated']:.2f}"
        lines.append(f"| {stated} | {said} ({span}) | {row['events']:,} | {row['others']:,} |")
    return "\n".join(lines) + "\n"


def _or_open(value: float | None) -> str:
    return "open" if value is None else f"{value:.2f}"


def _judged(
    name: str, model: Any, samples: Sequence[Sample]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_], NDArray[np.str_]]:
    """Give ratio, whether it was an event, kind and group of every case of samples."""
    ratio: list[NDArray[np.float64]] = []
    is_event: list[NDArray[np.bool_]] = []
    kind: list[NDArray[np.str_]] = []
    group: list[NDArray[np.str_]] = []
    for sample in samples:
        rows, columns, events = parts_of(sample)[name]
        at = np.flatnonzero(rows)
        ratio.append(model.decision_function(sample.values[np.ix_(at, columns)].astype(np.float64)))
        is_event.append(events[at])
        kind.append(sample.kind[at])
        group.append(sample.group[at])
    return np.concatenate(ratio), np.concatenate(is_event), np.concatenate(kind), np.concatenate(group)


def _counts(name: str, samples: Sequence[Sample]) -> str:
    """Say what a model was fitted on."""
    parts = [parts_of(sample)[name] for sample in used_by(name, samples)]
    cases = sum(int(rows.sum()) for rows, _, _ in parts)
    events = sum(int((rows & event).sum()) for rows, _, event in parts)
    return f"{cases:,} cases, {events:,} of them events" + (
        "; every encounter counts under either policy." if name == "fusion" else "."
    )


def _other_policies(name: str, model: Any, checks: Sequence[Sample]) -> list[str]:
    """Give the calibration under the policies that the tables do not show."""
    if name != "fusion":
        return []
    lines = []
    for policy in sorted({sample.policy for sample in checks} - {checks[0].policy}):
        r, y, _, _ = _judged(name, model, [sample for sample in checks if sample.policy == policy])
        cost = calibration(r, y)
        lines.append(f"- under policy `{policy}`: Cllr {cost.cllr:.4f} bits, minimum {cost.minimum:.4f}")
    return lines
