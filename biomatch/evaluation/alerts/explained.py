"""A few alerts explained: what each piece of evidence adds, from the odds before to the odds after."""

from __future__ import annotations

from math import log
from typing import Any

import polars as pl

from biomatch.errors import SettingsError
from biomatch.evaluation.alerts.alert_result import Evidence, ExplainedAlert
from biomatch.evaluation.alerts.curves import FUSED_KEY
from biomatch.evaluation.alerts.events import FIRST_WATCH_EVENT
from biomatch.evaluation.alerts.precision import PER_MILLION
from biomatch.fraud.basis import PIECES
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import EARLY, at_once, waterfall
from biomatch.policy import OperatingPoint
from biomatch.system.run import Run
from biomatch.truth import Truth

WORDS = {
    "nothing": "An encounter at which nothing speaks",
    "photo": "Face against the photo of the document",
    "entry": "Face against the entry of the stay",
    "history": "Face against earlier faces on the document",
    "papers": "Face against the holder's other documents",
    "identity": "Likeness to somebody of another name",
    "morph": "Likeness to two people at once",
    "swap": "Exit that fits another stay better",
    "ghost": "Exit that no port saw",
    "days": "Days over the limit, all documents together",
    "capture": "Quality and attempts of the capture",
}
REST = "Not explained by this version's model"
NEGLIGIBLE = 1e-3
"""Difference in nats that single precision may leave between a sum and the stored ratio."""


def explained(
    run: Run,
    judged: pl.DataFrame,
    truth: Truth,
    *,
    frauds_per_million: float | None = None,
) -> tuple[ExplainedAlert, ...]:
    """Explain the raised alert of fraud and the false alarm with the highest fused ratio.

    Parameters
    ----------
    run : Run
        With its world's observed side.
    judged : polars.DataFrame
        As `judge_alerts` gives it.
    truth : Truth
        Of the same world.
    frauds_per_million : float, optional
        Encounters with a fraud of any kind, of a million: what the odds are before any evidence. Default:
        as the point was tuned for (`tuned_for`).

    Returns
    -------
    tuple of ExplainedAlert
        At most two, the caught one first; the parts add up to the ratio.

    Raises
    ------
    SettingsError
        For a number that is not between 0 and a million.
    """
    if frauds_per_million is not None and not 0.0 < frauds_per_million < 1e6:
        raise SettingsError(
            f"{frauds_per_million:g} frauds per million",
            allowed="above 0 and below 1,000,000",
            remedy="such as 8",
        )
    weighed = judged.filter(
        "raised",
        "counted",
        pl.col("log_likelihood_ratio").is_not_null(),
        pl.col("true") | ~pl.col("affected"),
        pl.col("person_id").is_not_null(),  # only a port's encounters can be weighed
    ).sort("log_likelihood_ratio", "encounter_id", "kind", descending=[True, False, False])
    chosen = [found for found in (weighed.filter("true").head(1), weighed.filter(~pl.col("true")).head(1))
              if len(found)]  # fmt: skip
    if not chosen or run.lists.observed is None:
        return ()
    known = run.facts
    before = tuned_for(run.point) if frauds_per_million is None else frauds_per_million
    return tuple(_explain(known, alert, truth, before) for alert in chosen)


def tuned_for(point: OperatingPoint) -> float:
    """Give the frauds of a million encounters that a point's alerts were tuned for.

    The fused ratio is of a fraud of any kind, so the prevalences of the kinds are added. A point that was
    not tuned for fraud expects `PER_MILLION`.
    """
    found: Any = point.guarantee.get("alerts")
    try:
        kinds = found["kinds"]
        fused = [kinds[FUSED_KEY]] if FUSED_KEY in kinds else kinds.values()
        total = float(sum(float(one["prevalence_per_million"]) for one in fused))
    except (AttributeError, KeyError, TypeError, ValueError):  # a point is a file that anybody may edit
        return PER_MILLION
    return total if 0.0 < total < 1e6 else PER_MILLION


def _explain(facts: Facts, alert: pl.DataFrame, truth: Truth, before: float) -> ExplainedAlert:
    prior = log(before / (1e6 - before))
    row = alert.row(0, named=True)
    found = waterfall(facts, row["encounter_id"], EARLY if at_once(alert)[0] else PIECES)
    ratio = float(row["log_likelihood_ratio"])
    parts = [(WORDS[piece], nats) for piece, nats in found.items() if piece != "total"]
    # A run of another version may have been weighed by another model: said, and not hidden.
    rest = ratio - sum(nats for _, nats in parts)
    if abs(rest) > NEGLIGIBLE:
        parts.append((REST, rest))
    return ExplainedAlert(
        kind=str(row["kind"]),
        caught=bool(row["true"]),
        truth=_event(row["event_id"], truth) if row["true"] else str(row["cause"]),
        encounter_id=int(row["encounter_id"]),
        ratio=ratio,
        per_million=before,
        prior=prior,
        parts=tuple(Evidence(words, nats) for words, nats in parts if nats),
        posterior=ratio + prior,
    )


def _event(event_id: int, truth: Truth) -> str:
    if event_id >= FIRST_WATCH_EVENT:
        return "watchlist"
    return str(truth.subversion.filter(pl.col("event_id") == event_id)["kind"].cast(pl.String).item())
