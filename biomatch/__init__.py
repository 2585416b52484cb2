"""Simulates and benchmarks biometric entry and exit at borders.

The front door: ``import biomatch as bm``. Names are handed out lazily, so that importing one module
never imports the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AlertCosts": "tuning.alerts.estimates",
    "BiomatchError": "errors",
    "CandidateLists": "tables.candidates",
    "Costs": "tuning.costs",
    "FaceProfile": "settings.profile",
    "Gallery": "gallery",
    "IdentificationCurve": "curves.build",
    "LeadCosts": "tuning.leads",
    "OperatingPoint": "policy",
    "Port": "settings.port",
    "Rate": "rates",
    "Result": "evaluation.result",
    "Run": "system.run",
    "Scenario": "settings.scenario",
    "System": "settings.system",
    "VerificationCurve": "curves.build",
    "World": "worlds",
    "bench": "studies.front",
    "charts": "reporting",
    "compare": "studies.front",
    "evaluate": "evaluation.judge",
    "fit": "scorelaw.fit.front",
    "groups": "tuning.result_groups",
    "identification_curve": "curves.build",
    "identify": "evaluation.identify",
    "link": "evaluation.own.link",
    "open_world": "worlds",
    "plan": "tuning.plan",
    "predict": "scorelaw.predict",
    "queue": "evaluation.waits.day",
    "read_scores": "scorefiles.read",
    "register_detector": "fraud.detect",
    "register_index": "gallery.registered",
    "register_reader": "scorefiles.registered",
    "register_rules": "overstay.rules.registered",
    "report": "reporting.report",
    "review": "evaluation.overstays.review_orders",
    "run": "system.run",
    "search": "system.replay",
    "serve": "ports.engine",
    "stays": "overstay.rules.registered",
    "sweep": "evaluation.sweep",
    "sweep_fraud": "evaluation.sweep",
    "sweep_leads": "evaluation.sweep",
    "tune": "tuning",
    "tune_fraud": "tuning.alerts.tune",
    "tune_leads": "tuning.leads",
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
