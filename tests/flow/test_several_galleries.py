"""A system that searches several galleries answers each as if it searched that one alone."""

import ledger
import polars as pl
import pytest
import small_worlds
from hypothesis import assume, given, settings

from biomatch.errors import SettingsError
from biomatch.evaluation.sweep import sweep
from biomatch.evaluation.trials import enumerate_trials
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.system.run import run
from biomatch.system.searches import counted_sizes
from biomatch.tables.galleries import search_of

SEVERAL = System.load("default").with_({"gallery.list_length": 3})


def alone(policy):
    """The same search as the only one of its system."""
    (mine,) = (one for one in SEVERAL.gallery.every_search if one.policy == policy)
    gallery = SEVERAL.gallery.model_dump(mode="json")
    return SEVERAL.with_(
        {"gallery": {**gallery, "policy": policy, "directions": mine.directions, "searches": [],
                     "list_length": mine.list_length}}
    )  # fmt: skip


def answers(lists, policy):
    """(encounter, gallery, designed) to N, and the candidates as (score, template) up to the list's end."""
    rows = lists.references["template_row"].to_numpy()
    found = {}
    for at, row in enumerate(lists.searches.iter_rows(named=True)):
        if lists.searches[at].select(search_of())["gallery"].item() != policy:
            continue
        kept = lists.reference_id[at] >= 0
        pairs = zip(lists.score[at][kept].tolist(), rows[lists.reference_id[at][kept]].tolist(), strict=True)
        found[row["encounter_id"], row["gallery"], row["designed"]] = (row["enrolled_count"], tuple(pairs))
    return found


@settings(max_examples=15)
@given(small_worlds.worlds())
def test_each_gallery_is_searched_as_if_alone(world):
    observed, truth = world
    together = search(observed, SEVERAL)
    assert together.check() is together
    trials = enumerate_trials(together, truth)
    frames = {"open_stays": trials.frame, **trials.further}
    assert tuple(frames) == SEVERAL.gallery.policies
    for policy, frame in frames.items():
        single = search(observed, alone(policy))
        assert answers(together, policy) == answers(single, policy)
        other = enumerate_trials(single, truth).frame
        same = [name for name in frame.columns if name != "top_id"]  # ids count through all galleries
        assert frame.select(same).equals(other.select(same))


@settings(max_examples=10)
@given(small_worlds.worlds())
def test_mated_or_not_is_what_a_double_loop_says_in_every_gallery(world):
    observed, truth = world
    for policy in ("open_stays", "all"):
        lists = search(observed, alone(policy))
        expected = ledger.mated_by_loop(observed, truth, lists)
        lists = search(observed, SEVERAL)
        trials = enumerate_trials(lists, truth)
        frame = trials.frame if policy == "open_stays" else trials.further[policy]
        assert dict(frame.select("encounter_id", "mated").iter_rows()) == expected


def test_one_policy_is_one_search():
    assert System.load("default").gallery.policies == ("open_stays", "all", "watchlist")
    for given_, policies in (
        ({"policy": "manifest"}, ("manifest",)),
        ({"directions": ["entry"]}, ("open_stays",)),
        ({"policy": "all", "searches": [{"policy": "watchlist"}]}, ("all", "watchlist")),
        ({"images": 3}, ("open_stays", "all", "watchlist")),
    ):
        system = System.from_mapping({"gallery": given_})
        assert system.gallery.policies == policies
        assert System.from_mapping(system.model_dump(mode="json")) == system
    for name in ("manifest", "port-day", "all", "watchlist"):
        assert len(System.load(name).gallery.policies) == 1


def test_a_further_search_of_the_primary_policy_adds_its_directions():
    default = System.load("default")
    searches = [one.model_dump(mode="json") for one in default.gallery.searches]
    system = default.with_({"gallery.policy": "all", "gallery.searches": searches})
    first, second = system.gallery.every_search
    assert (first.policy, first.directions, second.policy) == ("all", ["entry", "exit"], "watchlist")
    assert default.with_({"gallery.policy": "all"}).gallery.policies == ("all",)


def test_a_policy_listed_twice_is_refused_in_a_sentence():
    twice = {"gallery": {"searches": [{"policy": "all"}, {"policy": "all", "directions": ["exit"]}]}}
    with pytest.raises(SettingsError, match="all stands twice"):
        System.from_mapping(twice)
    with pytest.raises(SettingsError, match="directions"):
        System.from_mapping({"gallery": {"searches": [{"policy": "all", "direction": ["exit"]}]}})


def test_every_search_is_decided_at_its_own_threshold(tiny_world):
    system = System.load("default")
    changes = {"face_threshold_by": {"mode": {"air": 0.9}, "search": {"all": 0.3, "watchlist": 1.5}}}
    point = OperatingPoint.of(0.5, system).with_(changes)
    done = run(tiny_world.observed, at=point)
    scores = {"open_stays": {"air": 0.9, "land": 0.5}, "all": 0.3, "watchlist": 1.5}
    seen = done.decisions.join(
        tiny_world.observed.encounters.select("encounter_id", "mode"), on="encounter_id"
    ).filter(pl.col("score").is_not_null())
    for (policy, mode), part in seen.group_by("gallery", "mode"):
        limit = scores[policy][mode] if policy == "open_stays" else scores[policy]
        assert ((part["score"] >= limit) == (part["outcome"] == "match")).all()
    assert point.search_threshold("all") == 0.3
    assert point.search_threshold("open_stays") == 0.5


def test_the_printed_size_is_the_one_that_curves_carry(tiny_world):
    lists = search(tiny_world.observed, System.load("default"))
    curve = sweep(lists, tiny_world.truth)
    sizes = counted_sizes(lists)
    assert sizes["open_stays"] == curve.enrolled_counts
    assert {policy: one.enrolled_counts for policy, one in curve.further.items()} == {
        policy: sizes[policy] for policy in ("all", "watchlist")
    }


@settings(max_examples=15)
@given(small_worlds.worlds())
def test_the_future_changes_nothing_before_it_in_any_gallery(world):
    """Cutting the stream at t leaves every search before t as it was: strict time, by receipt."""
    observed, _ = world
    times = observed.encounters["time"].unique().sort()
    past = observed.encounters.filter(pl.col("recorded_at") < times[len(times) // 2])
    assume(len(past))
    whole, cut = search(observed, SEVERAL), search(small_worlds.with_encounters(observed, past), SEVERAL)
    for policy in ("open_stays", "all"):
        before, after = answers(cut, policy), answers(whole, policy)
        assert before.items() <= after.items()
