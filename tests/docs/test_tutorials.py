"""Tutorials and worked examples are followed to the letter, and their output compared."""

import re
from pathlib import Path

import pytest
import transcript

ROOT = Path(__file__).parents[2]
PAGES = {
    "engineer": 10,
    "researcher": 14,
    "analyst": 16,
    "records": 10,
    "port": 12,
    "extending": 45,
    "tuning": 19,
    "twin": 5,
}
LONG = {"tuning", "twin"}
"""Pages that take more than a share of the default suite: with the slow tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in PAGES]
)
def test_a_page_is_what_happens(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran, wrong = transcript.follow(ROOT / "docs" / f"{name}.md", tmp_path)
    assert not wrong, "\n".join(wrong)
    assert len(ran) >= PAGES[name]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_linked_and_its_links_exist(name):
    assert f"docs/{name}.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")):
        assert "://" in link or (ROOT / "docs" / link).exists(), link


@pytest.mark.parametrize("example", transcript.ANY_BLOCK.findall((ROOT / "docs/extending.md").read_text()))
def test_a_worked_example_is_short(example):
    assert example[1].count("\n") < 60


def test_what_does_not_happen_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ biomatch plan --max-fpir 0.05\nno such line\n```\n"
        "```python\n>>> 1 + 1\n3\n\n```\n```text\nnot a file\n```\n"
    )
    _, wrong = transcript.follow(page, tmp_path)
    assert [sum(text in one for one in wrong) for text in ("$ biomatch plan", "Got:", "nothing runs")] == [
        1
    ] * 3
