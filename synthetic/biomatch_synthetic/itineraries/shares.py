"""How often admissions end otherwise than in time, so that the published rates come out at the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from biomatch.portable import cos, exp, power
from biomatch.portable.types import Floats
from biomatch.settings.scenario import Scenario
from biomatch.tables.observed import CLASSES
from biomatch_synthetic.itineraries.permission import GRACE_DAYS, permission

LONG_FROM = 15.0
"""Days over from which long overstayers begin to leave (assumed)."""


def by_class(table: Mapping[Any, float]) -> Floats:
    """Lay a table by class out in the order of ``CLASSES``; 0 where it has none."""
    return np.array([table.get(name, 0.0) for name in CLASSES])


def class_rates(scenario: Scenario, weights: Mapping[Any, float], mean: float) -> Floats:
    """Spread a mean rate over the classes by relative weights; shape (classes,), 0 for residents."""
    relative = by_class(weights)
    level = float((expected_mix(scenario) * relative).sum())
    rates = mean * relative / level if level > 0 else np.zeros(len(CLASSES))
    return np.minimum(np.where(by_class(scenario.stays.class_mix) > 0, rates, 0.0), 0.95)


def seasons(scenario: Scenario) -> Floats:
    """Relative traffic of each day: a cosine over the year, whose July and February have the set ratio."""
    ratio = scenario.traffic.season_ratio
    first = np.datetime64(scenario.first_day, "D")
    of_year = ((first - first.astype("datetime64[Y]")).astype(int) + np.arange(scenario.days)) % 365
    july, february = 196, 45
    swing = (ratio - 1.0) / (1.0 - ratio * float(cos(2 * np.pi * (february - july) / 365)))
    return np.asarray(1.0 + swing * cos(2 * np.pi * (of_year - july) / 365))


def expected_mix(scenario: Scenario) -> Floats:
    """Mix of classes among expected departures: admissions whose permission ends within the period.

    Long permissions that end in a short world began before it, so their classes are fewer among the
    expected departures than among admissions; the published rates are shares of the former.
    """
    mix = by_class(scenario.stays.class_mix)
    day, drawn = np.meshgrid(np.arange(scenario.days), (np.arange(16) + 0.5) / 16.0)
    weight = seasons(scenario)[day.ravel()]
    first, last = scenario.warm_up_days, scenario.days - scenario.restatement_days
    within = np.zeros(len(CLASSES))
    for code in np.flatnonzero(mix > 0):
        permitted, programme = permission(scenario, np.full(day.size, code), day.ravel(), drawn.ravel())
        grace = GRACE_DAYS.get(CLASSES[code], 0)
        lawful = np.where(programme >= 0, programme + grace, permitted)
        due = (lawful >= first) & (lawful < last)
        within[code] = np.average(due, weights=weight)
    expected = mix * within
    return expected / expected.sum() if expected.sum() > 0 else mix


def overstay_shares(scenario: Scenario) -> tuple[float, float]:
    """Shares of admissions that stay over for long and for a short time.

    Long overstayers leave little by little, so more must begin than are still inside at the snapshot:
    the two shares solve the two settings (in and out of the country, as of the end of the period).
    """
    stays = scenario.stays
    period = max(1, scenario.days - scenario.warm_up_days - scenario.restatement_days)
    over: Floats = np.arange(period, dtype=np.float64) + 0.5
    inside_long = float(long_survival(scenario, over).mean())
    inside_short = float(exp(-over / stays.short_overstay_days).mean())
    total = stays.in_country_overstay + stays.out_of_country_overstay
    if inside_long <= inside_short:
        return total, 0.0
    long = (stays.in_country_overstay - total * inside_short) / (inside_long - inside_short)
    long = min(max(long, 0.0), total)
    return long, total - long


def long_survival(scenario: Scenario, days_over: Floats) -> Floats:
    """Share of long overstayers who are still inside so many days after their last lawful day."""
    left = 1.0 - scenario.stays.overstayer_leaving
    return np.asarray(power(left, np.maximum(days_over - LONG_FROM, 0.0) / 30.0))
