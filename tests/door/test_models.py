"""Every settings' class that `bm` hands out, or that stands inside one, speaks in the project's own words."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import biomatch as bm
from biomatch.errors import SettingsError
from biomatch.settings.base import Settings


def below(model):
    """Give a model and every model in its fields."""
    found = {model}
    for field in model.model_fields.values():
        stack = [field.annotation]
        while stack:
            kind = stack.pop()
            stack += getattr(kind, "__args__", ())
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
                found |= below(kind)
    return found


DOORS = [one for one in (getattr(bm, name) for name in bm.__all__) if isinstance(one, type)]
MODELS = sorted(
    set().union(*(below(one) for one in DOORS if issubclass(one, BaseModel))), key=lambda one: one.__name__
)


def refused(call):
    """Give the message, which must be one sentence of the project's own."""
    with pytest.raises(SettingsError) as fault:
        call()
    said = str(fault.value)
    assert "\n" not in said
    for word in ("pydantic", "validation error", "Extra inputs", "Input should", "--set"):
        assert word not in said
    return said


def test_there_are_models_to_hold():
    assert {bm.Costs, bm.LeadCosts, bm.OperatingPoint, bm.Port, bm.Scenario, bm.System} <= set(MODELS)
    assert len(MODELS) > len([one for one in DOORS if issubclass(one, BaseModel)])
    assert all(issubclass(one, Settings) for one in MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.__name__)
def test_a_wrong_name_a_wrong_value_and_a_bare_value_are_refused_in_a_sentence(model):
    for call in (
        lambda: model(wrong=1),
        lambda: model.model_validate({"wrong": 1}),
        lambda: model.model_validate_json('{"wrong": 1}'),
    ):
        assert "unknown setting 'wrong' in " + model.__name__ in refused(call)
    assert "no JSON" in refused(lambda: model.model_validate_json("{"))
    assert "settings have names" in refused(lambda: model(object()))
    assert "settings have names" in refused(lambda: model("today", 3))
    for name in model.model_fields:
        # No field takes an object that is neither number, text, list nor table.
        said = refused(lambda name=name: model(**{name: object()}))
        assert name in said or "lacks the setting" in said


@settings(max_examples=60)
@given(st.sampled_from(MODELS), st.data())
def test_whatever_a_field_is_given_it_is_taken_or_refused_in_a_sentence(model, data):
    name = data.draw(st.sampled_from(sorted(model.model_fields)))
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=4,
    )
    value = data.draw(junk)
    with suppress(SettingsError):  # anything else, pydantic's own error above all, fails here
        model(**{name: value})


def test_the_likely_call_is_named():
    assert 'System.load("today")' in refused(lambda: bm.System("today"))
    assert "Costs.from_mapping(values)" in refused(lambda: bm.Costs({"prevalence": 0.1}))
    assert "did you mean 'prevalence'" in refused(lambda: bm.Costs(prevalance=0.1))
    assert "gallery.policy" in refused(lambda: bm.System(gallery={"policy": "x"}))  # the whole key


def test_settings_do_not_change_and_say_how_to_make_a_copy():
    costs = bm.Costs(prevalence=0.1)
    said = refused(lambda: setattr(costs, "prevalence", 0.2))
    assert 'with_({"prevalence": 0.2})' in said
    assert costs.with_({"prevalence": 0.2}).prevalence == 0.2
    assert costs.prevalence == 0.1
