"""Folders on disk, as `make.py` wrote them once: every later version reads them, or refuses them in words.

A version that changes a form adds a folder beside ``form-2`` and moves what it no longer reads to `REFUSED`.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import biomatch as bm
from biomatch.errors import BiomatchError
from biomatch.evaluation.result import Result
from biomatch.settings.profile import load_profile
from biomatch.studies.rows import read_rows
from biomatch.system.run import Run
from biomatch.worlds import open_world

FORM = Path(__file__).parent / "form-2"
REFUSED: tuple[str, ...] = ()
READ = {
    "world": lambda place: open_world(place).observed.encounters.height,
    "run": lambda place: Run.read(place).decisions.height,
    "result": lambda place: Result.read(place).system_miss_rate.denominator,
    "study": lambda place: len(read_rows(place)),
    "point.json": lambda place: bm.OperatingPoint.read(place).face_threshold,
    "profile.toml": lambda place: load_profile(place).id,
    "gallery": lambda place: len(bm.Gallery.open(place)),
}
HELD = {"world": 49, "run": 45, "result": 2, "study": 3, "point.json": 0.4, "gallery": 8,
        "profile.toml": "24a3de5769746dff"}  # fmt: skip


@pytest.fixture
def form(tmp_path):
    """Give a copy: nothing that a test opens may change what is committed."""
    return Path(shutil.copytree(FORM, tmp_path / "form"))


@pytest.mark.parametrize("name", sorted(READ))
def test_an_earlier_form_is_read_or_refused_in_words(form, name):
    if name not in REFUSED:
        assert READ[name](form / name) == HELD[name]
        return
    with pytest.raises(BiomatchError) as fault:
        READ[name](form / name)
    assert fault.value.remedy


@pytest.mark.parametrize("name", ["world", "run", "result"])
def test_a_form_of_the_future_is_refused_in_words(form, name):
    place = form / name
    contents = json.loads((place / "contents.json").read_text(encoding="utf-8"))
    (place / "contents.json").write_text(json.dumps({**contents, "format": 99}), encoding="utf-8")
    with pytest.raises(BiomatchError, match="99"):
        READ[name](place)


def test_alerts_of_a_result_are_written_as_they_were_read(tmp_path):
    read = Result.read(FORM / "result")
    read.write(tmp_path / "again")
    for name in ("summary.json", "trials.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (FORM / "result" / name).read_bytes()


def test_a_gallery_of_an_earlier_form_finds_whom_it_held(form):
    found = bm.Gallery.open(form / "gallery").identify(np.eye(8, 16, dtype=np.float32), 1)
    assert found.reference_id[:, 0].tolist() == list(range(8))
