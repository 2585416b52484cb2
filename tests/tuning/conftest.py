"""The Monte Carlo laws stand beside the benchmark that prints their table."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def guarantee_study():
    place = Path(__file__).parents[2] / "benchmarks" / "studies" / "guarantee.py"
    spec = importlib.util.spec_from_file_location("guarantee_study", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["guarantee_study"] = module
    spec.loader.exec_module(module)
    return module
