"""From a constraint or costs to an operating point, with a guarantee that names its data."""

from __future__ import annotations

from biomatch.tuning.alerts.tune import tune_fraud
from biomatch.tuning.curve_guarantee import guarantee_of
from biomatch.tuning.guarantee import Guarantee, guarantee
from biomatch.tuning.leads import tune_leads
from biomatch.tuning.tune import tune

__all__ = ["Guarantee", "guarantee", "guarantee_of", "tune", "tune_fraud", "tune_leads"]


def __dir__() -> list[str]:
    return __all__
