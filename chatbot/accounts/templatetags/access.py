"""`{% may "knowledge.change" as can_change %}` in templates: the same table that views ask."""

from typing import Any

from django import template

from chatbot.accounts.roles import Permission, may

register = template.Library()


@register.simple_tag(name="may", takes_context=True)
def may_tag(context: dict[str, Any], permission: Permission) -> bool:
    return may(context["request"].user, permission)
