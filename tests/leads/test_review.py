"""Review by people: a plain loop, the measured errors, the order of the work, late records, the command."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm
from biomatch.cli import run as cli
from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.overstays.review import leads_of, review_leads
from biomatch.evaluation.overstays.review_orders import review_orders
from biomatch.settings.review import ReviewSettings

AS_OF = date(2025, 3, 31)


def of(**changes):
    return ReviewSettings().with_(changes)


def leads(overstay, *, days_over=None, posterior=None, **more):
    count = len(overstay)
    return pl.DataFrame({
        "entry_id": np.arange(count), "person_id": np.arange(count),
        "days_over": np.arange(count)[::-1] + 1 if days_over is None else days_over,
        "is_overstay": overstay, **({} if posterior is None else {"p_overstay": posterior}), **more,
    })  # fmt: skip


def looped(frame, asked, verdicts):
    """Work day by day through plain lists: the slow twin of the counting, given each lead's verdict."""
    waiting, days, backlog, due = [], {}, [], 0.0
    rows = frame.to_dicts()
    for today in range(asked.days + 1):
        waiting += [row for row in rows if max((row["listed_on"] - AS_OF).days, 0) == today]
        waiting.sort(key=lambda row: (-row["p_overstay"], -row["days_over"], row["entry_id"]))
        if today:
            due += asked.reviews_a_day
            todo, due = int(due + 1e-9), due - int(due + 1e-9)
            for row in waiting[:todo]:
                days[row["entry_id"]] = today
            waiting = waiting[todo:]
        backlog.append(len(waiting))
    done = [row for row in rows if row["entry_id"] in days]
    return {
        "reviews": len(done),
        "true_confirmed": sum(row["is_overstay"] and verdicts[row["entry_id"]] for row in done),
        "wrongly_confirmed": sum(not row["is_overstay"] and verdicts[row["entry_id"]] for row in done),
        "wrongly_closed": sum(row["is_overstay"] and not verdicts[row["entry_id"]] for row in done),
        "backlog": tuple(backlog),
    }


one_lead = st.tuples(
    st.booleans(), st.sampled_from([0.1, 0.5, 0.5, 0.9]), st.integers(1, 400), st.integers(-3, 9)
)


@settings(deadline=None, max_examples=60)
@given(st.lists(one_lead, max_size=25), st.sampled_from([0.3, 1.0, 2.5, 40.0]), st.integers(1, 12))
def test_the_work_is_that_of_a_loop(rows, a_day, days):
    frame = leads(
        pl.Series([r[0] for r in rows], dtype=pl.Boolean),
        posterior=pl.Series([r[1] for r in rows], dtype=pl.Float64),
        days_over=pl.Series([r[2] for r in rows], dtype=pl.Int64),
        listed_on=pl.Series([AS_OF + timedelta(days=r[3]) for r in rows], dtype=pl.Date),
    )
    asked = of(reviews_a_day=a_day, days=days)
    # Verdicts do not depend on the order: with time for all, every lead has its own.
    everyone = review_leads(frame.drop("listed_on"), of(reviews_a_day=1e6, days=1), as_of=AS_OF)
    verdicts = dict(zip(everyone.entry.tolist(), everyone.confirmed.tolist(), strict=True))
    found = review_leads(frame, asked, as_of=AS_OF)
    wanted = looped(frame, asked, verdicts)
    assert {name: getattr(found, name) for name in wanted} == wanted
    assert found.reviews + found.waiting == found.leads == len(rows)
    assert found.days_to_clear is None or found.days_to_clear <= days


def test_errors_are_those_that_were_measured():
    """White et al., PLOS ONE 2014 [A23]: 14% of two people's pairs accepted, 6% of one's rejected."""
    frame = leads(np.arange(40_000) % 5 < 3)
    found = review_leads(frame, ReviewSettings(), as_of=AS_OF)
    low, high = found.false_closure_rate.interval
    assert low < 0.14 < high
    assert high - low < 0.02
    low, high = found.false_confirmation_rate.interval
    assert low < 0.06 < high
    assert high - low < 0.02
    # (1 - 0.14) 0.6 / ((1 - 0.14) 0.6 + 0.06 x 0.4) and 0.14 x 0.6 + (1 - 0.06) 0.4
    assert found.precision.value == pytest.approx(0.516 / 0.540, abs=0.005)
    assert found.closed.value == pytest.approx(0.084 + 0.376, abs=0.01)
    assert found.reviews_per_overstay == pytest.approx(1 / 0.516, rel=0.02)
    assert (found.waiting, len(found.backlog)) == (0, 31)
    again = review_leads(frame.sample(fraction=1.0, shuffle=True, seed=1), ReviewSettings(), as_of=AS_OF)
    assert again.to_json() == found.to_json()
    assert review_leads(frame, of(seed=1), as_of=AS_OF).to_json() != found.to_json()


def test_the_share_closed_of_a_backlog_like_that_of_2011():
    """54% of 1.6 million were closed on review [A2]: with these errors that takes 50% of wrong leads."""
    wrong = (0.54 - 0.14) / (0.94 - 0.14)
    found = review_leads(leads(np.arange(20_000) >= 20_000 * wrong), ReviewSettings(), as_of=AS_OF)
    assert found.closed.interval[0] < 863_000 / 1_600_000 < found.closed.interval[1]


def test_intervals_respect_travellers():
    """Ten leads of each traveller stand or fall together: the interval is wider than that of single ones."""
    frame = leads(np.arange(4000) // 10 % 2 == 0)
    apart = review_leads(frame, ReviewSettings(), as_of=AS_OF)
    together = review_leads(
        frame.with_columns(person_id=pl.col("entry_id") // 10), ReviewSettings(), as_of=AS_OF
    )
    width = np.diff(apart.listed_precision.interval), np.diff(together.listed_precision.interval)
    assert width[1] > 2.5 * width[0]
    assert together.precision.value == apart.precision.value


def test_each_order_takes_its_own_first():
    frame = leads(
        [True] * 4, days_over=[5, 400, 170, 190], posterior=[0.2, 0.6, 0.9, 0.7],
        permitted_until=[AS_OF - timedelta(days=d) for d in (5, 400, 170, 190)],
    )  # fmt: skip
    taken = {
        order: review_leads(frame, of(order=order), as_of=AS_OF).entry.tolist()
        for order in ("posterior", "days_over", "severity", "newest")
    }
    assert taken == {
        "posterior": [2, 3, 1, 0], "days_over": [1, 3, 2, 0], "severity": [1, 3, 2, 0],
        "newest": [0, 2, 3, 1],
    }  # fmt: skip
    bare = review_leads(frame.drop("p_overstay"), of(order="posterior"), as_of=AS_OF)
    assert (bare.order, bare.entry.tolist()) == ("days_over", [1, 3, 2, 0])


def test_what_no_record_shows_is_confirmed():
    """Records arrive on the fifth day, on the list's own, and never; a review is on day 1 to 3."""
    frame = leads([False] * 3, days_over=[3, 2, 1], evidence_from=[AS_OF + timedelta(days=5), AS_OF, None])
    sure = {"order": "days_over", "false_confirmation": 0, "reviews_a_day": 1, "found_elsewhere": 0}
    found = review_leads(frame, of(**sure), as_of=AS_OF)
    assert found.confirmed.tolist() == [True, False, True]
    assert (found.wrongly_confirmed, found.confirmed_unseen, found.rightly_closed) == (2, 2, 1)
    late = review_leads(frame, of(**sure | {"order": "newest", "reviews_a_day": 0.4}), as_of=AS_OF)
    assert late.day.tolist() == [3, 5, 8]
    assert late.confirmed.tolist() == [True, False, False]
    elsewhere = review_leads(frame, of(**sure | {"found_elsewhere": 1.0}), as_of=AS_OF)
    assert elsewhere.wrongly_confirmed == 0


def test_a_sorted_posterior_confirms_more_with_few_reviews():
    random = np.random.default_rng(5)
    over = random.random(2000) < 0.4
    posterior = np.where(over, random.beta(5, 2, 2000), random.beta(2, 5, 2000))
    frame = leads(over, posterior=posterior, days_over=random.integers(1, 300, 2000))
    best, longest = (review_leads(frame, of(order=name), as_of=AS_OF) for name in ("posterior", "days_over"))
    assert best.after(500)[0] > 1.5 * longest.after(500)[0]
    assert best.after(2000) == longest.after(2000)  # the same officers: only the order differs


def test_what_cannot_be_reviewed_is_refused():
    with pytest.raises(ResultsError, match="lack the column 'days_over'"):
        review_leads(leads([True]).drop("days_over"), ReviewSettings(), as_of=AS_OF)
    with pytest.raises(ResultsError, match="twice"):
        review_leads(leads([True, True]).with_columns(entry_id=1), ReviewSettings(), as_of=AS_OF)
    with pytest.raises(ResultsError, match="no is_overstay"):
        review_leads(leads([True, None]), ReviewSettings(), as_of=AS_OF)
    with pytest.raises(SettingsError, match="order"):
        of(order="oldest")
    nobody = review_leads(leads(pl.Series([], dtype=pl.Boolean)), ReviewSettings(), as_of=AS_OF)
    assert (nobody.precision.value, nobody.reviews_per_overstay, nobody.days_to_clear) == (None, None, 0)


@pytest.fixture(scope="module")
def judged():
    """A result with some false leads of every kind: a document join in a world with many missed exits."""
    made = bm.world(
        bm.Scenario.load("tiny").with_({"travellers": 1500, "records.missed_exits": 0.05}), seed=3
    )
    done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System.load("today")))
    return bm.evaluate(done, made.truth, grid=0, review=of(reviews_a_day=2))


def test_a_result_reviews_its_own_list(judged):
    found = judged.review
    last = judged.overstays[-1]
    assert (found.leads, found.true_leads) == (last.leads, last.true_leads)
    assert found.order == "days_over"  # a document join gives no posterior
    assert found.backlog[:3] == (found.leads, found.leads - 2, found.leads - 4)
    assert judged.to_json()["review"] == found.to_json()
    assert [one.order for one in review_orders(judged)] == ["days_over", "severity", "newest"]
    assert bm.review(judged, of(reviews_a_day=1000)).waiting == 0
    # No record at all where nobody wrote the departure down; one from the day on which it arrived else.
    frame = judged.stays.filter("expected", "listed")
    causes = {name: part["evidence_from"] for (name,), part in frame.group_by("cause")}
    assert causes["left unrecorded"].is_null().all()
    assert (causes["not yet received"] > last.as_of).all()
    assert (causes["another document"] <= last.as_of).all()
    papers = {name: set(part["exit_document"]) for (name,), part in frame.group_by("cause")}
    assert papers["another document"] == {"another"}
    assert papers["left unrecorded"] == {"no record"}
    older = leads_of(judged.stays.drop("evidence_from"), last.as_of)
    assert older["evidence_from"].null_count() == len(causes["left unrecorded"])


def test_the_command(judged, tmp_path, capfd):
    judged.write(tmp_path / "result")
    asked = ["review", str(tmp_path / "result"), "--set", "order=newest", "--set", "reviews_a_day=3"]
    assert cli([*asked, "--out", str(tmp_path / "leads.csv"), "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    found = bm.review(judged, of(order="newest", reviews_a_day=3))
    assert said["backlog"] == list(found.backlog)
    assert said["orders"]["days_over"]["1"]["true"] >= said["orders"]["days_over"]["0.25"]["true"]
    assert pl.read_csv(tmp_path / "leads.csv").equals(found.frame())
    assert cli(asked) == 0
    assert "reviews for each overstay confirmed" in capfd.readouterr().out
    (tmp_path / "officers.toml").write_text("reviews_a_week = 3\n")
    assert cli(["review", str(tmp_path / "result"), "--review", str(tmp_path / "officers.toml")]) == 2
    assert "reviews_a_day" in capfd.readouterr().err
