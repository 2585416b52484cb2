"""A study that every test of this folder measures itself against."""

from pathlib import Path

import pytest

from biomatch.studies.study import Suite, run_study

QUICK = Path(__file__).parents[2] / "benchmarks" / "suites" / "quick.toml"


@pytest.fixture(scope="session")
def suite():
    small = Suite.read(QUICK).model_dump(mode="json")
    small["worlds"] = {"tiny": {"scenario": "tiny", "set": {"travellers": 300}}}
    small["systems"] = {"open-stays": {"system": "today"}}
    small["max_fpir"] = 0.2
    return Suite.from_mapping(small)


@pytest.fixture(scope="session")
def finished(suite, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    return out, run_study(suite, out)
