"""Settings: unknown keys name the nearest, values out of range say what is allowed, ids follow content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomatch.errors import SettingsError
from biomatch.policy import OperatingPoint
from biomatch.settings.base import parse_changes
from biomatch.settings.system import System


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(SettingsError, match=r"did you mean 'gallery\.policy'"):
        System().with_({"gallery.polcy": "all"})
    with pytest.raises(SettingsError, match=r"did you mean 'gallery\.policy'"):
        System().with_({"galery.policy": "all"})
    with pytest.raises(SettingsError, match=r"did you mean 'gallery\.list_length'"):
        System.from_toml("[gallery]\nlist_lenght = 5\n")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gallery.list_length", 0),
        ("gallery.list_length", "many"),
        ("gallery.policy", "everyone"),
        ("gallery.reopen_days", -1),
        ("gallery.reopen_days", float("nan")),
        ("gallery.retention_days", float("inf")),
        ("stays.lead_posterior", 1.5),
    ],
)
def test_a_value_out_of_range_says_what_is_allowed(key, value):
    with pytest.raises(SettingsError, match=f"{key}.*allowed"):
        System().with_({key: value})


def test_a_built_in_name_and_a_file(tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'default'"):
        System.load("defualt")
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\n[gallery]\npolicy = "all"\n')
    assert System.load(file).gallery.policy == "all"
    with pytest.raises(SettingsError, match="exists"):
        System.load(tmp_path / "absent.toml")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        System.load(file)
    file.write_text("name = ")
    with pytest.raises(SettingsError, match="not TOML"):
        System.load(file)


def test_the_id_follows_the_content_not_the_way_it_was_said():
    said = System.from_toml('[gallery]\nindex = "auto"\n')
    assert said.id == System().id
    assert said.with_({"gallery.list_length": 21}).id != System().id
    assert System.from_mapping(System().model_dump(mode="json")) == System()


def test_settings_are_frozen():
    with pytest.raises(SettingsError, match=r"settings never change; make a copy: with_\("):
        System().name = "other"


def test_assignments_are_read_as_toml_then_as_text():
    assert parse_changes(["a=1", "b=1.5", "c=true", 'd="x"', "e=x y", "f=[1,2]"]) == {
        "a": 1, "b": 1.5, "c": True, "d": "x", "e": "x y", "f": [1, 2],
    }  # fmt: skip
    with pytest.raises(SettingsError, match="KEY=VALUE"):
        parse_changes(["travellers"])


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_assignment_gives_settings_or_one_clear_error(key, value):
    try:
        found = System().with_(parse_changes([f"{key}={value}"]))
    except SettingsError:
        return  # anything else that is raised fails the test
    assert System.from_mapping(found.model_dump(mode="json")).id == found.id


def test_a_point_survives_its_file(tmp_path):
    point = OperatingPoint.of(0.25, System.load("manifest"), lineages=[3], guarantee={"target": 1e-3})
    file = tmp_path / "point.json"
    file.write_text(point.canonical())
    assert OperatingPoint.read(file) == point
    file.write_text(point.canonical()[:-5])
    with pytest.raises(SettingsError, match="not JSON"):
        OperatingPoint.read(file)
