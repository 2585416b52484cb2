"""Counts of alerts as the judge gives them, made from a few numbers."""

from dataclasses import replace

from biomatch.evaluation.alerts.alert_result import AlertResult
from biomatch.evaluation.alerts.counts import JOINT, AlertCounts, KindCounts
from biomatch.evaluation.alerts.precision import precision_at
from biomatch.rates import rate

HONEST = 9_000


def make_kind(kind, *, threshold=0.5, raised=None, stopped=0, caught=0, events=0, honest=HONEST):
    raised = stopped if raised is None else raised
    share = rate(caught, events)
    return KindCounts(
        kind, threshold, raised, 0, share, share, rate(raised - stopped, raised), rate(stopped, honest),
        {"relative": stopped} if stopped else {},
    )  # fmt: skip


def make_alerts(*kinds, **together):
    """Give the result of these kinds; ``together`` says what all of them did."""
    joint = make_kind(JOINT, threshold=None, **together)
    events = {"impostor": (joint.caught, joint.events)} if joint.events else {}
    return AlertResult(
        AlertCounts(
            {one.kind: one for one in kinds}, joint, events, joint.catch_rate,
            precision_at(joint.catch_rate, joint.false_alarms),
        )
    )  # fmt: skip


NO_ALERTS = make_alerts(honest=0)


def with_alerts(result, **parts):
    """Give the result with other parts of its `AlertResult`."""
    return result.with_(alerts=replace(result.alerts, **parts))
