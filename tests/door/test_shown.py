"""How objects show themselves, and what a module offers."""

from importlib import import_module
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biomatch as bm
from biomatch.cards import LINES, WIDTH, Card, error_curve, facts


def objects(small):
    random = np.random.default_rng(1)
    gallery = bm.Gallery(dimension=8)
    faces = np.eye(8, dtype=np.float32)
    gallery.enrol(np.arange(8), faces)
    yield from small.values()
    yield from (small["result"].fpir, bm.Scenario.load("country"), bm.System.load("default"))
    yield from (bm.FaceProfile.load("kiosk-leader"), bm.Costs(prevalence=0.001), gallery)
    yield gallery.identify(faces[:6], list_length=3)
    yield bm.verification_curve(random.normal(2, 1, 300), random.normal(0, 1, 300))
    yield from (bm.groups(small["result"]), bm.predict("kiosk-leader", 1e6, 0.003), bm.plan(0.01))
    yield from (small["world"].observed, small["world"].truth, small["result"].overstays[-1])


def test_a_repr_fits_in_ten_lines(small):
    for one in objects(small):
        lines = repr(one).splitlines()
        assert len(lines) <= LINES, type(one)
        assert max(map(len, lines)) <= 6 * WIDTH, type(one)  # a flat dataclass of a model's figures wraps


def test_cards_are_well_formed_and_load_nothing(small):
    shown = 0
    for one in objects(small):
        html = getattr(one, "_repr_html_", None)
        if html is None:
            continue
        shown += 1
        ElementTree.fromstring(html())
        assert "http" not in html()
    assert shown >= 14


def test_a_curve_draws_itself(small):
    random = np.random.default_rng(1)
    scores, ranks = random.normal(1, 1, 300), np.ones(300, dtype=int)
    searches = bm.identification_curve(scores, ranks, random.normal(0, 1, 300), enrolled_count=9)
    comparisons = bm.verification_curve(scores, random.normal(0, 1, 300))
    for curve in (searches, comparisons):
        assert "<polyline" in curve._repr_html_()
    assert small["curve"]._repr_html_()  # without an error at any threshold there is nothing to draw


@given(st.lists(st.tuples(st.text(), st.text()), max_size=40), st.text())
def test_any_card_fits(pairs, title):
    card = Card(title, tuple(pairs))
    assert len(card.text().split("\n")) <= LINES
    assert card.html().count("<tr>") == len(pairs)


def test_markup_in_a_value_is_text():
    assert "<script>" not in Card("<script>", facts(("a", "<script>alert(1)</script>"))).html()


def test_an_empty_curve_is_not_drawn():
    assert error_curve([0.0, 1.0], [1.0, 0.0], ("FPIR", "FNIR")) == ""


@pytest.mark.parametrize(
    "name",
    ["biomatch", "biomatch.reporting.charts", "biomatch.scorefiles", "biomatch.gallery", "biomatch.tuning",
     "biomatch.curves.build", "biomatch.scorelaw.fit"],
)  # fmt: skip
def test_a_public_module_offers_only_what_is_public(name):
    module = import_module(name)
    assert dir(module) == sorted(module.__all__)
    for one in dir(module):
        assert getattr(module, one) is not None
