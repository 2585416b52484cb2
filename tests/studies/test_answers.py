"""The sentences of a suite's page are its counts, and say "fewer" only where an interval does."""

import re
from types import SimpleNamespace

import pytest
import suite_answers
import suite_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.studies.compare import difference
from biomatch.studies.study import Suite

SUITE = Suite.from_mapping(
    {
        "name": "s",
        "baseline": "now",
        "seeds": [11, 12],
        "tuning_seeds": [1],
        "worlds": {"now": {"about": "today"}, "then": {"about": "biometric exit"}},
        "systems": {"linked": {"about": "with manifests"}},
    }
)


def row(world, seed, counts, control="none"):
    names = ("false_leads", "true_departures", "hidden", "true_in_country")
    cell = {"world": world, "system": "linked", "seed": str(seed), "control": control}
    return SimpleNamespace(cell=cell, counts={"n_median": 9, **dict(zip(names, counts, strict=True))})


def made(now, then):
    rows = [row("now", 11, now), row("now", 12, (0, 0, 0, 0)), row("then", 11, then)]
    return suite_answers.answers(SUITE, [*rows, row("then", 11, (9_999, 9_999, 9, 9), control="blind")])


def test_sentences_by_hand():
    one, other = made((90, 6_093, 1, 62), (10, 6_093, 1, 62))
    assert one == (
        "- **Today**, with manifests: of 6,093 travellers who left, 90 are listed in error (1.20% to 1.81%); "
        "of 62 who stayed, 1 is not listed."
    )
    assert other.startswith(
        "- **Biometric exit**, with manifests: of 6,093 travellers who left, 10 are listed "
    )
    assert "against 90 today (fewer by 1.01 to 1.66 percentage points)" in other
    assert other.endswith("1 is not listed, against 1 today (no difference shown).")


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(500, 9_000))
def test_the_verdict_is_that_of_the_interval(before, after, trials):
    said = made((before, trials, 0, 50), (after, trials, 0, 50))[1].split(";")[0]
    found = difference((before, trials), (after, trials))
    assert ("fewer" in said) == (found.high < 0)
    assert ("more" in said) == (found.low > 0)
    assert ("no difference shown" in said) == (found.low <= 0 <= found.high)
    numbers = {int(text.replace(",", "")) for text in re.findall(r"(?<![\d.])\d[\d,]*(?![\d.%])", said)}
    assert {before, after, trials} <= numbers


def test_seeds_are_pooled_and_nothing_is_said_without_trials():
    rows = [row("now", seed, (2, 100, 0, 0)) for seed in (11, 12)]
    (only,) = suite_answers.answers(SUITE, rows)
    assert "of 200 travellers who left, 4 are" in only
    assert "of 0 who stayed, 0 are not listed." in only
    (_, other) = suite_answers.answers(SUITE, [*rows, row("then", 11, (1, 100, 0, 0))])
    assert "(no trials to compare)" in other
    assert suite_answers.answers(SUITE.with_({"baseline": ""}), rows) == []


def test_the_page_opens_with_them():
    whole = [row("now", 11, (2, 100, 0, 9)), row("then", 11, (1, 100, 0, 9))]
    whole = [SimpleNamespace(**vars(one), versions={"biomatch": "0"}) for one in whole]
    page = suite_tables.page(SUITE, whole, "cmd")
    assert page.index("## In a sentence each") < page.index("## Counts") < page.index("| world | system")
    plain = suite_tables.page(SUITE.with_({"baseline": ""}), whole, "cmd")
    assert "In a sentence" not in plain


def test_a_baseline_must_be_a_world():
    from biomatch.errors import SettingsError

    with pytest.raises(SettingsError, match="baseline"):
        SUITE.with_({"baseline": "never"})
