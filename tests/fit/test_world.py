"""A fitted profile drives a world: from embeddings to a TOML file to templates that score as its law says."""

import numpy as np
import polars as pl
import pytest

from biomatch.cli import run
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile_toml import profile_toml


def mated_and_not(folder):
    encounters = pl.read_parquet(folder / "observed" / "encounters.parquet").filter(
        pl.col("template_row") >= 0
    )
    truth = pl.read_parquet(folder / "truth" / "true_encounters.parquet")
    faces = np.load(folder / "observed" / "templates.npy")
    seen = encounters.join(truth, on="encounter_id").sort("encounter_id")
    pairs = seen.join(seen, on="person_id", suffix="_of").filter(
        pl.col("encounter_id") < pl.col("encounter_id_of")
    )
    first, second = faces[pairs["template_row"]], faces[pairs["template_row_of"]]
    same = (first * second).sum(axis=1)
    strangers = (first * np.roll(second, 11, axis=0)).sum(axis=1)
    return same, strangers


@pytest.fixture(scope="module")
def world(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    path = folder / "twin.toml"
    path.write_text(profile_toml(fitted.profile), encoding="utf-8")
    options = ["--set", f"faces.profile={path}"]
    assert run(["world", "tiny", "--seed", "3", "--out", str(folder / "world"), *options]) == 0
    return folder / "world"


def test_its_scores_are_those_of_the_fitted_law(world, fitted):
    same, strangers = mated_and_not(world)
    law = ScoreLaw(fitted.profile)
    assert len(same) > 200
    # Several attempts at a camera and a camera's offset move scores a little; the leader's would lie at 0.8.
    assert float(law.fnmr(float(np.median(same)))) == pytest.approx(0.5, abs=0.2)
    assert float(np.quantile(strangers, 0.9)) == pytest.approx(law.threshold_at_fmr(0.1), abs=0.04)


def test_a_profile_that_is_no_file_is_refused(tmp_path, capsys):
    missing = ["--set", f"faces.profile={tmp_path / 'none.toml'}"]
    assert run(["world", "tiny", "--seed", "3", "--out", str(tmp_path / "w"), *missing]) == 2
    assert "none.toml" in capsys.readouterr().err
