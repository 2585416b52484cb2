"""The files of the built-in profiles, and the schema's refusals."""

import pytest

from biomatch.errors import SettingsError
from biomatch.paths import models_dir
from biomatch.settings.profile import BUILT_IN, FaceProfile, load_profile
from biomatch.settings.profile_toml import profile_toml


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_profiles_come_back_from_their_own_text(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.source
    assert FaceProfile.from_toml(profile_toml(profile)) == profile
    assert (models_dir() / "profiles" / f"{name}.toml").read_text(encoding="utf-8") == profile_toml(profile)


@pytest.mark.parametrize("name", BUILT_IN)
def test_fitted_figures_are_met_within_their_tolerance(name):
    for row in load_profile(name).targets:
        if row.fitted and "M over" not in row.what:
            assert row.model == pytest.approx(row.published, rel=0.1), row.what


def test_unknown_names_and_values_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="visa-border-leader"):
        load_profile("visa-border-leade")
    with pytest.raises(SettingsError, match="must not rise"):
        load_profile("visa-border-leader").with_({"kin.same_sex": 0.9})
    with pytest.raises(SettingsError, match="noise"):
        load_profile("visa-border-leader").with_({"noise.scale": -1.0})
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n', encoding="utf-8")
    assert load_profile(path).name == "mine"
