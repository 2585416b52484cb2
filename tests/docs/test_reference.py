"""The pages and the API reference are built with warnings as errors, and hold what they must."""

import os
import re
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import pytest

import biomatch

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; one build serves all tests here."""
    out = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(out)]
    done = subprocess.run(
        call, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def described(site):
    """Dotted names of everything that the reference describes, with the kind of each."""
    lines = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode().splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if " py:" in line}


def test_every_name_of_the_front_door_is_described(described):
    for name in biomatch.__all__:
        item = getattr(biomatch, name)
        home = item.__name__ if name == "charts" else f"{item.__module__}.{item.__qualname__}"
        assert home in described, name


def test_what_users_extend_is_described(described):
    for name in (
        "biomatch.gallery.memory.local.Index.choose",
        "biomatch.fraud.facts.Facts.alerts",
        "biomatch.overstay.rules.base.RuleSet",
        "biomatch.scorefiles.read.ScoreFile",
        "biomatch.studies.study.Suite",
    ):
        assert name in described


def test_a_described_name_has_its_parameters_in_the_page(site):
    page = (site / "reference/judging.html").read_text(encoding="utf-8")
    for name in ("mated_ranks", "non_mated_top_scores", "enrolled_count"):
        assert f"<strong>{name}</strong>" in page


def test_each_setting_stands_with_its_source(site):
    from biomatch.settings.system import System

    page = (site / "reference/settings.html").read_text(encoding="utf-8")
    for key in System.model_fields:
        assert f">{key}</span>" in page, key


def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""<(script|link|img)[^>]*(src|href)=["']?(https?:)?//""", text), page.name


def test_every_page_of_the_folder_is_reachable(site):
    for source in [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]:
        assert (site / source.relative_to(DOCS).with_suffix(".html")).exists(), source.name


def test_a_module_that_the_reference_names_exists():
    for page in (DOCS / "reference").glob("*.rst"):
        for name in re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8")):
            assert import_module(name).__doc__


def test_the_gallery_shows_every_chart_with_its_code(site):
    page = (site / "made" / "gallery.html").read_text()
    drawn = re.findall(r'<img alt="([^"]+)" src="([^"]+[.]svg)"', page)
    assert len(drawn) >= 12
    for _, place in drawn:
        picture = (site / "made" / place).resolve().read_text()
        assert picture.startswith("<svg")
        assert picture.count("<path") > 5
    for name in ("det", "fnir_against_threshold", "groups", "causes", "alerts"):
        assert name in page


def test_the_command_line_is_described_as_it_describes_itself(site):
    page = (site / "made" / "commands.html").read_text()
    for command in ("tune", "scores", "queue", "review-sample"):
        assert f"Usage: biomatch {command}" in page
