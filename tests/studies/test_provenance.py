"""A world's truth names the content of the face profile that it was drawn from, not only its name."""

import shutil

import pytest

from biomatch.paths import models_dir
from biomatch.settings.profile import load_profile
from biomatch.settings.scenario import Scenario
from biomatch.worlds import open_world, world, write_world


@pytest.fixture
def small():
    return Scenario.load("tiny").with_({"travellers": 100})


def test_the_profile_is_kept_with_the_world(small, tmp_path):
    write_world(small, 1, tmp_path / "world")
    again = open_world(tmp_path / "world").truth
    assert again.profile_id == load_profile("visa-border-small").id


def test_a_changed_profile_of_the_same_name_shows(small, tmp_path):
    file = tmp_path / "mine.toml"
    shutil.copy(models_dir() / "profiles" / "visa-border-small.toml", file)
    asked = small.with_({"faces.profile": str(file)})
    one = world(asked, 1).truth
    text = file.read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if line.startswith("camera_offset"))
    file.write_text(text.replace(old, "camera_offset = 0.07"), encoding="utf-8")
    other = world(asked, 1).truth
    assert one.scenario == other.scenario
    assert one.profile_id != other.profile_id
