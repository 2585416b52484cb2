"""The decision card: its figures are the result's, it fits the first screen, and it never moves."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_alerts import make_alerts

from biomatch.rates import clustered_rate, rate
from biomatch.reporting.decision.card import Grown
from biomatch.reporting.decision.facts import claims, decision, ratio_interval, worst_off
from biomatch.reporting.figures import Ratio, percent
from biomatch.reporting.report import report
from biomatch.tuning.growth.methods import grow

BIASED = "East Asia F"


@pytest.fixture(scope="module")
def card(result):
    return decision(result)


def biased(result, errors=25):
    """Give one group false alarms that no other has."""
    trials = result.trials.with_row_index()
    theirs = trials.filter((pl.col("group") == BIASED) & ~pl.col("mated") & pl.col("acquired"))
    struck = theirs.head(errors)["index"].implode()
    changed = trials.with_columns(false_positive=pl.col("false_positive") | pl.col("index").is_in(struck))
    return replace(result, trials=changed.drop("index"))


def test_the_recommendation_names_n_and_every_digit_of_the_threshold(result, card):
    assert float(card.threshold) == result.point.face_threshold
    assert card.headline == "Accept candidates scoring 0.42 or higher in a gallery of N = 9,974"
    assert card.promise.startswith("With 95% confidence, at most 0.1% (1 in 1,000)")
    assert dict(card.rates) == {"FPIR": Ratio.of(result.fpir), "FNIR": Ratio.of(result.fnir)}


def test_a_mean_day_is_the_counts_over_the_days(result, card):
    own = result.trials.filter(pl.col("counted"))
    found = {
        what: (float(mean.replace(",", "")), int(every.replace(",", ""))) for what, mean, every in card.day
    }
    assert found["Travellers searched"] == (pytest.approx(own.height / 90, rel=5e-3), own.height)
    assert found["Not recognised"][1] == result.system_miss_rate.numerator
    assert found["False alarms"][1] == result.fpir.numerator
    minutes = found["Minutes of staff, 5 a case (assumed)"][1]
    cases = result.system_miss_rate.numerator + result.fpir.numerator
    assert minutes == 5 * (cases + result.alerts["all"].false_encounters)
    stopped = replace(result, alerts=make_alerts(stopped=18, raised=18))
    assert ("Honest travellers stopped", "0.200", "18") in decision(stopped).day


@given(
    bound=st.floats(0, 1),
    tested=st.integers(1, 10**6),
    size=st.integers(1, 10**9),
    more=st.integers(0, 10**9),
)
def test_the_readers_gallery_is_the_binomial_bound_and_never_below_the_tested_one(bound, tested, size, more):
    found = Grown(bound, tested, size, "")
    assert found.at(size) == grow(bound, max(1.0, size / tested))
    assert found.at(size) >= bound * (1 - 1e-9)
    assert found.at(size + more) >= found.at(size)


def test_the_worst_off_group_is_found_with_its_counts(result):
    found = worst_off(biased(result))
    assert (found.group, found.rate) == (BIASED, "FPIR")
    own = biased(result).by("group").filter(pl.col("group") == BIASED).row(0, named=True)
    assert (found.own.numerator, found.own.denominator) == (own["fpir_errors"], own["fpir_trials"])
    assert found.low <= found.ratio
    assert found.low > 1
    assert (found.others.numerator, found.ratio, found.high) == (0, float("inf"), None)
    some = worst_off(biased(replace(result, trials=result.trials.with_columns(
        false_positive=pl.col("false_positive") | (~pl.col("mated") & (pl.col("encounter_id") < 60))
    ))))  # fmt: skip
    assert some.low < some.ratio < some.high
    assert some.others.numerator > 0
    few = replace(result, trials=result.trials.head(20))
    assert "so none is compared" in worst_off(few)


@given(a=st.integers(1, 400), b=st.integers(1, 400), extra=st.integers(0, 4_000), other=st.integers(0, 4_000))
def test_the_interval_of_a_ratio_holds_the_ratio(a, b, extra, other):
    one, two = rate(a, a + extra), rate(b, b + other)
    low, high = ratio_interval(one, two)
    assert 0 <= low <= one.value / two.value * (1 + 1e-9)
    assert high is None or high >= one.value / two.value * (1 - 1e-9)
    heeds = ratio_interval(clustered_rate([2] * a + [0] * extra, [2] * (a + extra)), two)
    assert heeds[0] <= low * (1 + 1e-9)  # errors that come in pairs say less


def test_the_interval_of_a_ratio_is_the_published_one():
    """The closed form, written as it is printed (Newcombe 2016, eq. for MOVER-R), where it has no 0 / 0."""
    one, two = rate(30, 100), rate(40, 400)
    (al, ah), (bl, bh) = one.interval, two.interval
    a, b = one.value, two.value
    low = (a * b - ((a * b) ** 2 - al * bh * (2 * a - al) * (2 * b - bh)) ** 0.5) / (bh * (2 * b - bh))
    high = (a * b + ((a * b) ** 2 - ah * bl * (2 * a - ah) * (2 * b - bl)) ** 0.5) / (bl * (2 * b - bl))
    assert ratio_interval(one, two) == (pytest.approx(low), pytest.approx(high))


def test_a_claim_is_met_only_where_the_whole_interval_says_so(make, result):
    def verdicts(found):
        return {one.text: one.verdict for one in claims(found)}

    high = result.fpir.interval[1]
    for target, wanted in ((high * 1.01, "met"), (high * 0.99, "not shown")):
        point = result.point.with_({"guarantee": {**result.point.guarantee, "target": target}})
        assert verdicts(replace(result, point=point))[f"FPIR at most {target * 100:g}%"] == wanted
    assert verdicts(biased(result))["FPIR at most 0.1%"] == "not met"
    assert verdicts(biased(result))["The same for every group"] == "not met"
    alerts = {"max_stops_per_million": 3_000}
    point = result.point.with_({"guarantee": {**result.point.guarantee, "alerts": alerts}})
    stops = make_alerts(stopped=18, raised=18)
    said = verdicts(replace(result, point=point, alerts=stops))
    assert said["Honest travellers stopped: at most 3,000 in a million"] == "not shown"


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    return report([result], tmp_path_factory.mktemp("card") / "report.html")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height", "screens"), [(1440, 900, 1), (390, 844, 2)])
def test_the_card_is_complete_in_the_first_screen(path, look, width, height, screens):
    seen = look(path, viewport={"width": width, "height": height}, folded=True)
    box = seen.page.locator(".card").bounding_box()
    assert box["y"] + box["height"] <= height * screens
    cut = """() => [...document.querySelectorAll('.card *')].filter(one =>
      one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline'
      && !['INPUT', 'DL'].includes(one.tagName)).map(one => one.outerHTML.slice(0, 80))"""
    assert seen.page.evaluate(cut) == []
    heads = seen.page.locator(".card .label").all_text_contents()
    assert [one.split(",")[0] for one in heads] == [
        "Threshold", "A mean day at all 3 ports", "At your gallery", "Overstays listed", "Worst-off group",
        "Claims",
    ]  # fmt: skip
    assert seen.page.locator(".stamp").inner_text() == "Synthetic data"


@pytest.mark.browser
def test_the_card_stands_still_and_answers_for_the_readers_gallery(path, look, card):
    seen = look(path, folded=True)
    before = seen.page.inner_text(".card")
    seen.page.locator("#slider").focus()
    seen.page.keyboard.press("End")
    assert seen.page.inner_text(".card") == before
    field, answer = seen.page.locator(".card input"), seen.page.locator(".card output")
    for size in (1, 9_974, 123_456, 10**9):
        field.fill(str(size))
        assert answer.inner_text() == percent(card.grown.at(size))
    field.fill("")
    assert "size of 1 or more" in answer.inner_text()
