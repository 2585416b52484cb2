"""Everything that the README prints is run, and its output compared."""

import doctest
import re
from pathlib import Path

import pytest
import transcript

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_terminal_transcript_is_what_happens(tmp_path):
    """The commands of all transcripts run one after the other in one empty folder."""
    found = transcript.steps(README.read_text(encoding="utf-8"))
    assert len(found) >= 7
    for command, expected in found:
        given = transcript.answer(command, tmp_path)
        assert transcript.fits(expected, given), f"$ {command}\n{given}"


def test_the_python_sample_is_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(blocks("python"))
    assert ">>> import biomatch as bm" in text
    parsed = doctest.DocTestParser().get_doctest(text, {}, "README", str(README), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    said = []
    runner.run(parsed, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries >= 8


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+) +#", README.read_text()))))
def test_each_make_target_that_is_named_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_each_file_that_is_linked_exists():
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (ROOT / link).exists(), link
