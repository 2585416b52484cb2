"""Built-in scenarios load, make sound worlds, and refuse what does not fit."""

import numpy as np
import pytest
from biomatch_synthetic.world import make

from biomatch.errors import SettingsError
from biomatch.settings.base import ASSUMED
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.truth import SUBVERSION_KINDS

NAMES = ["airport", "country", "land-border", "schengen", "seaport", "tiny"]


def test_names():
    assert Scenario.names() == NAMES
    assert all(Scenario.load(name).name == name for name in NAMES)


def test_every_default_names_its_source():
    def walk(model):
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields") and field.json_schema_extra is None:
                walk(field.annotation)
                continue
            source = field.json_schema_extra["source"]
            assert source, name
            assert "[" in source or ASSUMED in source or len(source) > 8, name

    walk(Scenario)


def test_every_kind_has_a_prevalence():
    assert set(KINDS) == set(SUBVERSION_KINDS)
    assert all(hasattr(Scenario.load("tiny").subversion, kind) for kind in KINDS)


def test_country_is_the_fiscal_year_2024():
    country = Scenario.load("country")
    assert country.measure_from.isoformat() == "2023-10-01"
    assert country.snapshot.isoformat() == "2024-09-30"
    assert country.last_day.isoformat() == "2025-02-06"  # restated as of [S1]


@pytest.mark.parametrize("name", NAMES)
def test_worlds_fit_their_schemas(name):
    scenario = Scenario.load(name)
    if name != "tiny":
        scenario = scenario.with_(
            {"travellers": 1_500, "faces.profile": "visa-border-small", "watchlist.size": 20}
        )
    observed, truth = make(scenario, 3)
    observed.check()
    truth.check()
    assert observed.templates.shape[1] == scenario.faces.face_profile().dimension
    zoned = {"zones"} if scenario.zones else set()
    assert set(observed.about) == {"scenario", "first_day", "last_day", "measure_from", "snapshot"} | zoned
    assert truth.seed == 3
    assert Scenario.from_mapping(truth.scenario) == scenario
    modes = set(observed.encounters["mode"].cast(str))
    shares = scenario.traffic.mode_shares
    assert {mode for mode, share in shares.items() if share > 0} <= modes


@pytest.mark.parametrize("travellers", [1, 2, 3, 7])
def test_the_smallest_worlds(travellers):
    scenario = Scenario.load("tiny").with_({"travellers": travellers, "watchlist.size": 0})
    for seed in range(4):
        observed, truth = make(scenario, seed)
        observed.check()
        truth.check()


def test_templates_go_to_disk_as_they_would_stay_in_memory(tmp_path):
    scenario = Scenario.load("tiny")
    in_memory, _ = make(scenario, 5)
    on_disk, _ = make(scenario, 5, templates_path=tmp_path / "templates.npy")
    assert isinstance(on_disk.templates, np.memmap)
    assert np.array_equal(np.load(tmp_path / "templates.npy"), in_memory.templates)
    assert on_disk.sealed().id == in_memory.sealed().id


def test_progress_ends_where_it_said():
    calls = []
    make(Scenario.load("tiny"), 1, progress=lambda *call: calls.append(call))
    for stage in ("people", "journeys", "faces", "tables"):
        told = [call for call in calls if call[0] == stage]
        assert told[-1][1] == told[-1][2] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"travelers": 5}, "travellers"),
        ({"stays.in_country_overstays": 0.1}, "in_country_overstay"),
        ({"subversion.imposter": 5.0}, "impostor"),
        ({"travellers": 0}, "travellers = 0"),
        ({"warm_up_days": 500}, "leave nothing"),
        ({"traffic.mode_shares": {"air": 0.5}}, "add up to"),
        ({"traffic.mode_shares": {"sea": 1.0}}, "no port has that mode"),
        ({"stays.class_mix": {"WT": 0.5, "B2": 0.5, "X": 0.0}}, "X"),
        ({"stays.mean_stay_days": {"WT": 3.0}}, "lacks"),
        ({"captures.exit_coverage": {"air": 1.5, "sea": 0.0, "land": 0.0}}, "from 0 to 1"),
        ({"records.missed_late": 0.9}, "add up to"),
        ({"people.identical_births": 0.1}, "identical_births"),
    ],
)
def test_refusals_name_the_setting(change, said):
    with pytest.raises(SettingsError, match=said):
        Scenario.load("tiny").with_(change)


def test_unknown_scenario_names_the_nearest():
    with pytest.raises(SettingsError, match="'airport'"):
        Scenario.load("airprot")


def test_unknown_profile_is_refused():
    with pytest.raises(SettingsError, match="visa-border-leader"):
        make(Scenario.load("tiny").with_({"faces.profile": "visa-border-leadre"}), 1)
