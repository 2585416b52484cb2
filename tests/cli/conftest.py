"""The command line called in this process: exit code, standard output, standard error."""

import json
from typing import NamedTuple

import pytest

from biomatch.cli import run


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out, f"nothing was printed: exit code {self.code}, standard error {self.err!r}"
        return json.loads(self.out)


@pytest.fixture
def call(capsys):
    def _call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return _call


@pytest.fixture(scope="session")
def flow(tmp_path_factory):
    """Two tiny worlds and everything that the flow's commands make of them, once for all tests."""
    place = tmp_path_factory.mktemp("flow")
    steps = [
        ["world", "tiny", "--seed", "1", "--out", place / "w1"],
        ["world", "tiny", "--seed", "2", "--out", place / "w2"],
        ["search", place / "w1", "--out", place / "l1"],
        ["tune", place / "l1", place / "w1", "--max-fpir", "0.05", "--out", place / "point.json"],
        ["run", place / "w2", "--at", place / "point.json", "--out", place / "r2"],
        ["evaluate", place / "r2", place / "w2", "--out", place / "e2"],
    ]
    for step in steps:
        assert run([str(word) for word in step]) == 0, step
    return place
