"""Simulates and benchmarks biometric entry and exit at borders.

The front door: ``import biomatch as bm``. Names are handed out lazily, so that importing one module
never imports the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BiomatchError": "errors",
    "Gallery": "gallery",
    "IdentificationCurve": "curves.build",
    "OperatingPoint": "policy",
    "Port": "settings.port",
    "Rate": "rates",
    "Result": "evaluation.result",
    "Scenario": "settings.scenario",
    "System": "settings.system",
    "VerificationCurve": "curves.build",
    "charts": "reporting",
    "evaluate": "evaluation.judge",
    "identification_curve": "curves.build",
    "open_world": "worlds",
    "queue": "evaluation.waits.day",
    "report": "reporting.report",
    "review": "evaluation.overstays.review_orders",
    "run": "system.run",
    "search": "system.replay",
    "serve": "ports.engine",
    "sweep": "evaluation.sweep",
    "tune": "tuning",
    "verification_curve": "curves.build",
    "waits": "tuning.waits.front",
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
