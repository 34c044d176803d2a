"""`{% at_page 3 %}` in templates: the present address with another page number."""

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def at_page(context: dict[str, Any], number: int) -> str:
    query = context["request"].GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"
