"""Natural calls work; calls that would break a wall are refused in a sentence with the right call in it."""

import subprocess
import sys
from pathlib import Path

import pytest

import biomatch as bm
from biomatch.errors import BiomatchError, ResultsError, SettingsError, WallError
from biomatch.rates import rate
from biomatch.settings.base import allowed_words, dotted_keys, suggestion


def test_names_and_files_will_do_for_settings(small, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\n[gallery]\npolicy = "manifest"\n')
    assert bm.search(small["world"].observed, file).system["name"] == "own"
    assert bm.OperatingPoint.of(0.4, str(file)).system.name == "own"
    assert bm.run(small["world"].observed, "default", at=small["point"]).world_id == small["world"].id
    assert bm.predict("kiosk-leader", 1e6, 0.003) == bm.predict(
        bm.FaceProfile.load("kiosk-leader"), 1e6, 0.003
    )


def test_a_world_is_saved_and_opened(small, tmp_path):
    place = small["world"].save(tmp_path / "w")
    again = bm.open_world(place)
    assert again.id == small["world"].id
    assert again.truth.people.equals(small["world"].truth.people)
    assert again.save(place) == place  # onto itself: nothing is lost
    assert bm.open_world(again.save(tmp_path / "copy")).id == again.id


def test_a_rate_is_a_number_where_there_were_trials():
    assert float(rate(1, 4)) == 0.25
    with pytest.raises(ResultsError, match="no trials"):
        float(rate(0, 0))


def test_a_report_of_one_result_needs_no_list(small, tmp_path):
    assert bm.report(small["result"], tmp_path / "r.html").exists()


REFUSED = (
    (lambda s: bm.search(s["world"], "default"), WallError, "bm.search(world.observed"),
    (lambda s: bm.search(s["world"].truth, "default"), WallError, "bm.search(world.observed"),
    (lambda s: bm.search(s["world"].observed, 3), SettingsError, 'bm.System.load("default")'),
    (lambda s: bm.run(s["world"], at=s["point"]), WallError, "bm.run(world.observed, at=point)"),
    (lambda s: bm.run(s["world"].observed, at=0.4), SettingsError, "bm.OperatingPoint.of(0.4, system)"),
    (lambda s: bm.run(s["world"].observed, at="p.json"), SettingsError, "bm.OperatingPoint.of("),
    (lambda s: bm.sweep(s["lists"], s["world"]), WallError, "bm.sweep(lists, world.truth)"),
    (lambda s: bm.sweep(s["lists"], s["world"].observed), WallError, "bm.sweep(lists, world.truth)"),
    (lambda s: bm.sweep(s["run"], s["world"].truth), ResultsError, "bm.sweep_fraud(run, world.truth)"),
    (lambda s: bm.sweep(s["world"], s["world"].truth), ResultsError, "bm.search(world.observed"),
    (lambda s: bm.sweep_fraud(s["lists"], s["world"].truth), ResultsError, "bm.sweep_fraud(run"),
    (lambda s: bm.sweep_leads(s["run"], s["world"]), WallError, "bm.sweep_leads(run, world.truth)"),
    (lambda s: bm.tune(s["lists"], max_fpir=0.1), ResultsError, "bm.tune(bm.sweep(lists, world.truth)"),
    (lambda s: bm.tune(s["fraud"], max_fpir=0.1), ResultsError, "bm.tune_fraud("),
    (lambda s: bm.tune(s["leads"], max_fpir=0.1), ResultsError, "bm.tune_leads("),
    (lambda s: bm.tune_fraud(s["curve"], max_alerts_a_day=1), ResultsError, "bm.sweep_fraud(run"),
    (lambda s: bm.tune_leads(s["run"], max_alerts_a_day=1), ResultsError, "bm.sweep_leads(run"),
    (lambda s: bm.evaluate(s["lists"], s["world"].truth), ResultsError, "bm.evaluate(run, world.truth)"),
    (lambda s: bm.evaluate(s["run"], s["world"]), WallError, "bm.evaluate(run, world.truth)"),
    (lambda s: bm.report(s["run"]), ResultsError, "bm.report(bm.evaluate(run, world.truth))"),
    (lambda s: bm.groups(s["run"]), ResultsError, "bm.groups(bm.evaluate("),
    (lambda s: bm.world(5, seed=1), SettingsError, "bm.Scenario.load("),
    (lambda s: bm.predict(5, 1e6, 0.1), SettingsError, "bm.FaceProfile.load("),
    (lambda s: bm.stays([1], on=None), BiomatchError, "polars.DataFrame"),
    (lambda s: bm.bench(5, "x"), SettingsError, "a Suite"),
)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_wrong_call_is_answered_with_the_right_one(small, number):
    call, kind, words = REFUSED[number]
    with pytest.raises(kind) as fault:
        call(small)
    assert words in str(fault.value)
    assert "--" not in str(fault.value)  # who calls from Python has no options


def test_errors_from_python_do_not_speak_of_the_command_line():
    for changes in ({"nothing": 1}, {"travellers": "many"}, {"stays.nothing": 1}):
        with pytest.raises(SettingsError) as fault:
            bm.Scenario.load("tiny").with_(changes)
        assert "--set" not in str(fault.value)
        assert "in the changes" in str(fault.value)


DIALECT = ("valid ", "unable to parse", "Input", "instance of", "dictionary", "fractional", "iterable")
WRONG = ("word", -1e300, [], {}, None, "2024-13-45", [["x"]], {"a": {"b": object}})


@pytest.mark.parametrize("model", [bm.Scenario, bm.System, bm.FaceProfile], ids=lambda one: one.__name__)
def test_what_is_allowed_is_said_in_plain_words(model):
    good = {"Scenario": "tiny", "System": "default", "FaceProfile": "kiosk-leader"}[model.__name__]
    settings = model.load(good)
    refused = 0
    for key in dotted_keys(model):
        for value in WRONG:
            said = _said(settings, key, value)
            refused += said is not None
            assert not [word for word in DIALECT if word in (said or "")], (key, said)
    assert refused > 3 * len(dotted_keys(model))


def _said(settings, key, value):
    """What a wrong value is told to be allowed; None where it is no wrong value."""
    try:
        settings.with_({key: value})
    except SettingsError as fault:
        return fault.allowed
    return None


def test_each_misspelt_setting_is_known_again():
    for model in (bm.Scenario, bm.System):
        for key in dotted_keys(model):
            group, _, last = key.rpartition(".")
            if len(last) < 6:
                continue
            misspelt = f"{group}.{last[:-1]}" if group else last[:-1]
            if misspelt in dotted_keys(model):
                continue
            assert suggestion(model, misspelt) == f"did you mean {key!r}?", misspelt


@pytest.mark.parametrize("wrong", ["ees.start", "xyz", "zzz.zzz.zzz", "hotel.rooms"])
def test_a_stranger_is_not_taken_for_a_setting(wrong):
    assert suggestion(bm.Scenario, wrong).startswith("known: ")


def test_an_unknown_fault_keeps_its_message():
    assert allowed_words({"type": "something_new", "msg": "Input should be red"}) == "red"


def test_every_name_is_for_the_type_checker_too():
    stub = (Path(bm.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    for name in bm.__all__:
        assert f"as {name}\n" in stub, name


def test_a_users_script_passes_the_type_checker(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import biomatch as bm\n"
        'world = bm.world("tiny", seed=1)\n'
        'curve = bm.sweep(bm.search(world.observed, "default"), world.truth)\n'
        "point: bm.OperatingPoint = bm.tune(curve, max_fpir=0.05)\n"
        "run = bm.run(world.observed, at=point)\n"
        "share: float = float(bm.evaluate(run, world.truth).fpir)\n"
        "alerts: bm.OperatingPoint = bm.tune_fraud(bm.sweep_fraud(run, world.truth), max_alerts_a_day=20)\n"
    )
    call = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    done = subprocess.run(
        [*call, "--follow-imports=silent"], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
