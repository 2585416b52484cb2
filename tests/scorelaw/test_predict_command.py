"""The contract of `biomatch predict` (DESIGN.md, Contracts)."""

import json
from dataclasses import dataclass

import pytest

from biomatch.cli import run


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def predict(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = run(["predict", *arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return call


def test_json_has_the_contracts_keys_as_plain_numbers(predict):
    done = predict("boarding-leader", "--gallery", "42000", "--max-fpir", "0.0003", "--images", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for key in ("threshold", "fnir", "fpir"):
        assert isinstance(found[key], float)
    for key in ("threshold", "fnir"):
        low, high = found[f"{key}_interval"]
        assert low < found[key] < high
    assert found["fpir"] == pytest.approx(0.0003, rel=0.01)
    assert set(found["how"]) >= {"threshold", "fnir", "fpir"}


def test_lines_carry_the_gallery_beside_fpir(predict):
    done = predict("visa-border-leader", "--gallery", "1000000000", "--max-fpir", "0.003", "--years", "5")
    assert done.returncode == 0, done.stderr
    assert "N = 1,000,000,000" in done.stdout
    assert "corrected by simulation" in done.stdout
    assert "closed form" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("visa-border-leadr", "--gallery", "1000", "--max-fpir", "0.01"),
        ("visa-border-leader", "--gallery", "0", "--max-fpir", "0.01"),
        ("visa-border-leader", "--gallery", "1000", "--max-fpir", "1.5"),
        ("visa-border-leader", "--gallery", "1000", "--max-fpir", "0.01", "--images", "0"),
        ("no-such-file.toml", "--gallery", "1000", "--max-fpir", "0.01"),
    ],
)
def test_faulty_input_ends_with_2_and_one_clear_line(predict, arguments):
    done = predict(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("biomatch: ")
    assert "Traceback" not in done.stderr
    assert not done.stdout
