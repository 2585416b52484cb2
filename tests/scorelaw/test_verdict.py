"""What `fit` said against a profile is said again wherever the profile is used."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm
from biomatch import cli
from biomatch.errors import SettingsError
from biomatch.scorelaw import predict
from biomatch.settings.profile import FaceProfile, load_profile
from biomatch.settings.profile_toml import profile_toml
from biomatch.settings.verdict import UNUSABLE, Verdict

DOUBT = "held-out identities gave more false positives than predicted"


def doubted(**changes):
    verdict = {"misfit": 1.2, "identities": 500, "largest_gallery": 50_000, "warnings": [DOUBT]} | changes
    return load_profile("visa-border-small").with_({"name": "mine", "verdict": verdict})


@pytest.fixture
def written(tmp_path):
    def _write(**changes):
        place = tmp_path / "mine.toml"
        place.write_text(profile_toml(doubted(**changes)))
        return place

    return _write


def test_a_verdict_is_read_back_and_makes_no_other_face(written):
    profile = FaceProfile.read(written())
    assert profile == doubted()
    assert profile.doubts == (DOUBT,)
    assert profile.id == doubted(warnings=[], misfit=3.0).id
    assert FaceProfile.read(written(identities=None)).verdict.identities is None
    assert load_profile("visa-border-small").doubts == ()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.0, 200.0), st.integers(1, 10**9), st.integers(100, 10**9))
def test_a_profile_answers_within_its_range_only(misfit, largest, gallery):
    profile = doubted(misfit=misfit, largest_gallery=largest, warnings=[])
    sound = misfit < UNUSABLE and gallery <= largest
    if not sound:
        with pytest.raises(SettingsError, match=r"misfit|beyond the profile's range") as fault:
            predict(profile, gallery, 0.01)
        assert "--beyond" in str(fault.value)
    found = predict(profile, gallery, 0.01, beyond=not sound)
    assert bool(found.warnings) != sound
    assert found.threshold == predict(load_profile("visa-border-small"), gallery, 0.01).threshold


def test_predict_warns_and_refuses(written, capsys):
    call = ["predict", str(written()), "--max-fpir", "0.01"]
    assert cli.run([*call, "--gallery", "20000"]) == 0
    assert f"WARNING: {DOUBT}" in capsys.readouterr().out
    assert cli.run([*call, "--gallery", "60000"]) == 2
    assert "N up to 50,000, 100 times the 500 identities fitted" in capsys.readouterr().err
    assert cli.run([*call, "--gallery", "60000", "--beyond"]) == 0
    assert "nothing was tested there" in capsys.readouterr().out
    written(misfit=93.0)
    assert cli.run([*call, "--gallery", "20000"]) == 2
    assert "does not describe the scores that it was fitted to" in capsys.readouterr().err


def test_every_step_from_a_world_repeats_it(written, tmp_path, capsys):
    place = written(misfit=12.0)
    changes = ["--set", f"faces.profile={place}", "--set", "travellers=150"]
    steps = [
        ["world", "tiny", "--seed", "1", *changes, "--out", "t"],
        ["search", "t", "--out", "tl"],
        ["tune", "tl", "t", "--max-fpir", "0.5", "--out", "p.json"],
        ["world", "tiny", "--seed", "2", *changes, "--out", "g"],
        ["run", "g", "--at", "p.json", "--out", "r"],
        ["evaluate", "r", "g", "--out", "result"],
    ]
    for step in steps:
        words = [
            str(tmp_path / word) if word in {"t", "tl", "p.json", "g", "r", "result"} else word
            for word in step
        ]
        assert cli.run(words) == 0, capsys.readouterr().err
        said = capsys.readouterr().err
        assert said.count(DOUBT) == 1, step[0]
        assert said.count("misfit 12") == 1, step[0]
    assert cli.run(["report", str(tmp_path / "result"), "--out", str(tmp_path / "page.html")]) == 0
    assert "The fit of the face profile is in doubt: misfit 12" in (tmp_path / "page.html").read_text()


def test_a_sound_fit_carries_its_range(tmp_path):
    random = np.random.default_rng(3)
    people = random.standard_normal((60, 96))
    rows = np.repeat(people, 2, axis=0) + 0.5 * random.standard_normal((120, 96))
    found = bm.fit(rows.astype(np.float32), np.repeat(np.arange(60).astype(str), 2), name="small")
    verdict = found.profile.verdict
    assert verdict == Verdict(
        misfit=float(f"{found.misfit:.4g}"),
        identities=60,
        largest_gallery=6_000,
        warnings=list(found.goodness.warnings),
    )
