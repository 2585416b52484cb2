"""``profile list|show``, and the one dimension that a scenario may name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.cli.settings import toml_lines
from biomatch.errors import SettingsError
from biomatch.settings.profile import BUILT_IN, FaceProfile, load_profile
from biomatch.settings.profile_toml import profile_toml
from biomatch.settings.scenario import Scenario


def test_list_gives_a_line_about_each(call):
    told = call("profile", "list")
    assert told.code == 0
    assert [line.split()[0] for line in told.out.splitlines()] == list(BUILT_IN)
    assert "128 values" in told.out
    found = json.loads(call("profile", "list", "--json").out)
    assert found["profiles"] == list(BUILT_IN)
    assert found["about"]["boarding-small"]["dimension"] == 128


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_show_prints_is_the_profile(call, name):
    shown = call("profile", "show", name).out
    assert FaceProfile.from_toml(shown) == load_profile(name)
    assert json.loads(call("profile", "show", name, "--json").out)["id"] == load_profile(name).id


def test_a_file_is_shown_and_an_unknown_name_is_refused(call, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ndimension = 99\n', encoding="utf-8")
    assert "dimension = 99" in call("profile", "show", path).out
    answer = call("profile", "show", "boarding-smal")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "did you mean 'boarding-small'" in answer.err


def test_the_source_says_which_default_it_speaks_of():
    lines = toml_lines(load_profile("visa-border-small"))
    scale, length = (next(n for n, line in enumerate(lines) if line.startswith(k)) for k in ("scale", "leng"))
    assert lines[scale - 1].startswith("# default 0.41: ")
    assert not lines[length - 1].startswith("# default")


@settings(max_examples=30, deadline=None)
@given(
    asked=st.integers(1, 5000) | st.sampled_from([127, 128, 512]),
    own=st.sampled_from([32, 100, 128, 512]),
    named=st.sampled_from(["", *BUILT_IN]),
)
def test_another_dimension_than_the_profiles_is_refused(tmp_path_factory, asked, own, named):
    profile = load_profile(named) if named else load_profile("boarding-small").with_({"dimension": own})
    path = tmp_path_factory.getbasetemp() / f"p{own}.toml"
    path.write_text(profile_toml(profile), encoding="utf-8")
    changes = {"faces.profile": named or str(path)}
    plain = Scenario.load("tiny").with_(changes)
    if asked == profile.dimension:
        said = plain.with_({"faces.dimension": asked})
        assert said.id == plain.id  # the same world is asked for
        with pytest.raises(SettingsError, match=r"have (512|128) values"):
            said.with_({"faces.profile": "boarding-median" if asked != 512 else "boarding-small"})
    else:
        with pytest.raises(SettingsError, match=f"have {profile.dimension} values") as fault:
            plain.with_({"faces.dimension": asked})
        assert "leave it out" in fault.value.remedy


def test_a_world_of_another_dimension_is_one_clear_line(call, tmp_path):
    answer = call("world", "tiny", "--seed", "1", "--out", tmp_path / "w", "--set", "faces.dimension=512")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "have 128 values; allowed: 128" in answer.err
    assert not (tmp_path / "w").exists()
