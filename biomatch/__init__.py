"""Simulates and benchmarks biometric entry and exit at borders.

The front door: ``import biomatch as bm``. Names are handed out lazily, so that importing one module
never imports the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biomatch.errors import BiomatchError as BiomatchError
    from biomatch.evaluation.curves import IdentificationCurve as IdentificationCurve
    from biomatch.evaluation.curves import VerificationCurve as VerificationCurve
    from biomatch.evaluation.curves import identification_curve as identification_curve
    from biomatch.evaluation.curves import verification_curve as verification_curve
    from biomatch.evaluation.judge import evaluate as evaluate
    from biomatch.evaluation.result import Result as Result
    from biomatch.evaluation.sweep import sweep as sweep
    from biomatch.gallery import Gallery as Gallery
    from biomatch.policy import OperatingPoint as OperatingPoint
    from biomatch.rates import Rate as Rate
    from biomatch.reporting import charts as charts
    from biomatch.reporting.report import report as report
    from biomatch.settings.scenario import Scenario as Scenario
    from biomatch.settings.system import System as System
    from biomatch.system.replay import search as search
    from biomatch.system.run import run as run
    from biomatch.tuning import tune as tune
    from biomatch.worlds import open_world as open_world
    from biomatch.worlds import world as world

_HOMES = {
    "BiomatchError": "errors",
    "Gallery": "gallery",
    "IdentificationCurve": "evaluation.curves",
    "OperatingPoint": "policy",
    "Rate": "rates",
    "Result": "evaluation.result",
    "Scenario": "settings.scenario",
    "System": "settings.system",
    "VerificationCurve": "evaluation.curves",
    "charts": "reporting",
    "evaluate": "evaluation.judge",
    "identification_curve": "evaluation.curves",
    "open_world": "worlds",
    "report": "reporting.report",
    "run": "system.run",
    "search": "system.replay",
    "sweep": "evaluation.sweep",
    "tune": "tuning",
    "verification_curve": "evaluation.curves",
    "world": "worlds",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'biomatch' has no attribute {name!r}; it offers {', '.join(__all__)}")
    if name == "charts":
        return import_module("biomatch.reporting.charts")
    return getattr(import_module(f"biomatch.{home}"), name)


def __dir__() -> list[str]:
    return __all__
