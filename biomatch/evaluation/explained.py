"""A few alerts explained: what each piece of evidence adds, from the odds before to the odds after."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from biomatch.evaluation.alert_events import FIRST_WATCH_EVENT
from biomatch.fraud.basis import PIECES
from biomatch.fraud.detect import EVEN_ODDS
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import EARLY, at_once, waterfall
from biomatch.system.run import Run
from biomatch.system.stays import StayBook
from biomatch.truth import Truth

NAME = "explained"
"""Key of `Result.alerts` under which they stand, beside the kinds."""
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


def explained(run: Run, judged: pl.DataFrame, truth: Truth) -> list[dict[str, Any]]:
    """Explain the raised alert of fraud and the false alarm with the highest fused ratio.

    Parameters
    ----------
    run : Run
        With its world's observed side.
    judged : polars.DataFrame
        As `judge_alerts` gives it.
    truth : Truth
        Of the same world.

    Returns
    -------
    list of dict
        At most two (the caught one first), each with ``kind``, ``caught``, ``truth`` (kind of event, or
        cause of the false alarm), ``encounter_id``, ``ratio`` (fused log-likelihood ratio), ``prior``
        (log-odds of fraud at the prevalence that `EVEN_ODDS` names), ``parts`` (``evidence`` in words and
        ``nats``, those of zero left out), ``posterior`` (``prior`` plus ``ratio``). All in nats; the parts
        add up to the ratio.
    """
    weighed = judged.filter(
        "raised",
        "counted",
        pl.col("log_likelihood_ratio").is_not_null(),
        pl.col("true") | ~pl.col("affected"),
        pl.col("person_id").is_not_null(),  # only a port's encounters can be weighed
    ).sort("log_likelihood_ratio", "encounter_id", "kind", descending=[True, False, False])
    chosen = [found for found in (weighed.filter("true").head(1), weighed.filter(~pl.col("true")).head(1))
              if len(found)]  # fmt: skip
    observed = run.lists.observed
    if not chosen or observed is None:
        return []
    day = date.fromisoformat(run.about["on"][-1])
    book = StayBook(observed, run.lists, day, run.point)
    facts = Facts(observed, run.lists, book.links.stays, day, run.point.system.alerts.unseen_departures)
    return [_explain(facts, alert, truth) for alert in chosen]


def _explain(facts: Facts, alert: pl.DataFrame, truth: Truth) -> dict[str, Any]:
    row = alert.row(0, named=True)
    found = waterfall(facts, row["encounter_id"], EARLY if at_once(alert)[0] else PIECES)
    ratio = float(row["log_likelihood_ratio"])
    parts = [(WORDS[piece], nats) for piece, nats in found.items() if piece != "total"]
    # A run of another version may have been weighed by another model: said, and not hidden.
    rest = ratio - sum(nats for _, nats in parts)
    if abs(rest) > NEGLIGIBLE:
        parts.append((REST, rest))
    return {
        "kind": str(row["kind"]),
        "caught": bool(row["true"]),
        "truth": _event(row["event_id"], truth) if row["true"] else str(row["cause"]),
        "encounter_id": int(row["encounter_id"]),
        "ratio": ratio,
        "prior": -EVEN_ODDS,
        "parts": [{"evidence": words, "nats": nats} for words, nats in parts if nats],
        "posterior": ratio - EVEN_ODDS,
    }


def _event(event_id: int, truth: Truth) -> str:
    if event_id >= FIRST_WATCH_EVENT:
        return "watchlist"
    return str(truth.subversion.filter(pl.col("event_id") == event_id)["kind"].cast(pl.String).item())
