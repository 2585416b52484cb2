"""The public names are asserted: adding or losing one is a decision."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import biomatch as bm

NAMES = [
    "AlertCosts",
    "BiomatchError",
    "CandidateLists",
    "Costs",
    "FaceProfile",
    "Gallery",
    "IdentificationCurve",
    "LeadCosts",
    "OperatingPoint",
    "Port",
    "Rate",
    "Result",
    "Run",
    "Scenario",
    "System",
    "VerificationCurve",
    "World",
    "bench",
    "charts",
    "compare",
    "evaluate",
    "fit",
    "groups",
    "identification_curve",
    "identify",
    "link",
    "open_world",
    "plan",
    "predict",
    "queue",
    "read_scores",
    "register_detector",
    "register_index",
    "register_reader",
    "register_rules",
    "report",
    "review",
    "run",
    "search",
    "serve",
    "stays",
    "sweep",
    "sweep_fraud",
    "sweep_leads",
    "tune",
    "tune_fraud",
    "tune_leads",
    "verification_curve",
    "waits",
    "world",
]


def test_the_public_names():
    assert bm.__all__ == NAMES
    assert dir(bm) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_documented(name):
    found = getattr(bm, name)
    assert found.__doc__
    assert len(found.__doc__) > 20


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="offers"):
        bm.serch  # noqa: B018


def test_the_door_is_light():
    heavy = ("faiss", "polars", "scipy", "altair", "biomatch_synthetic")
    code = f"import sys, biomatch; print([m for m in sys.modules if m.partition('.')[0] in {heavy}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_each_name_has_an_example(name):
    """It is run by tests/docs/test_doctests.py."""
    assert ">>>" in getattr(bm, name).__doc__


def test_type_checkers_are_told_of_every_name_of_the_front_door():
    told = Path(bm.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert set(re.findall(r" as (\w+)$", told, re.MULTILINE)) == set(bm.__all__)
