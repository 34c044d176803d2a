"""No table is forgotten when a customer is erased: every model and every field of the project has its place in the plan.

That the plan is carried out is `tests/training/test_erasure.py`'s to show, with a row in every table that goes.
"""

from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models

from chatbot.conversations.models import Contact
from chatbot.training.erasure_plan import PLAN, Fate

TEXTS: Final = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.BinaryField,
    models.FileField,
    models.GenericIPAddressField,
)
MODELS: Final = {model._meta.label: model for model in apps.get_models(include_auto_created=True)}
REMEDY: Final = "decide in chatbot/training/erasure_plan.py, and see to it in chatbot/training/erasure.py"


def texts_of(model: Any) -> frozenset[str]:
    """Fields that could hold a customer's words: everything for text whose values are not a fixed choice."""
    fields = model._meta.concrete_fields
    return frozenset(one.name for one in fields if isinstance(one, TEXTS) and not one.choices)


def relations(model: Any) -> list[tuple[str, Any]]:
    found = [*model._meta.concrete_fields, *model._meta.many_to_many]
    return [(one.name, one) for one in found if one.is_relation and one.related_model is not None]


def test_every_table_is_in_the_plan() -> None:
    assert set(PLAN) == set(MODELS), REMEDY


@pytest.mark.parametrize("label", sorted(label for label, plan in PLAN.items() if plan.fate is not Fate.GOES))
def test_every_field_for_text_of_a_table_that_stays_was_looked_at(label: str) -> None:
    assert PLAN[label].texts == texts_of(MODELS[label]), f"{label}: {REMEDY}"


@pytest.mark.parametrize("label", sorted(MODELS))
def test_what_points_to_a_row_that_goes_goes_with_it_or_is_emptied(label: str) -> None:
    pointing = {
        name
        for name, field in relations(MODELS[label])
        if PLAN[field.related_model._meta.label].fate is Fate.GOES and not field.many_to_many
    }
    if PLAN[label].fate is not Fate.GOES:
        assert pointing == PLAN[label].links, f"{label}: {REMEDY}"


@pytest.mark.parametrize("label", sorted(MODELS))
def test_no_many_to_many_relation_hides_a_table(label: str) -> None:
    through = {
        field.remote_field.through._meta.label for _name, field in relations(MODELS[label]) if field.many_to_many
    }
    assert through <= set(PLAN)


@pytest.mark.parametrize("label", sorted(label for label, plan in PLAN.items() if plan.fate is Fate.GOES))
def test_every_table_that_goes_is_reached_from_the_contact(label: str) -> None:
    """Through relations in any direction but those to what stays: else nothing would find its rows."""
    reached, ahead = {Contact._meta.label}, [Contact._meta.label]
    while ahead:
        here = ahead.pop()
        for other, model in MODELS.items():
            linked = any(field.related_model._meta.label == here for _name, field in relations(model))
            goes = PLAN[other].fate in (Fate.GOES, Fate.WIPED, Fate.MARKED)
            back = any(field.related_model._meta.label == other for _name, field in relations(MODELS[here]))
            if (linked or back) and goes and other not in reached:
                reached.add(other)
                ahead.append(other)
    assert label in reached


def test_djangos_own_pages_show_no_table_with_a_contacts_data() -> None:
    shown = {model._meta.label for model in admin.site._registry}
    assert {label for label in shown if PLAN[label].fate is Fate.GOES} == set()


def test_every_entry_says_why() -> None:
    assert [label for label, plan in PLAN.items() if len(plan.why) < 8] == []
