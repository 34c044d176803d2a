"""Who is there: agents who chose to be and whose desk showed a sign of life a moment ago."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from chatbot.accounts.models import User

ALIVE: Final = timedelta(seconds=75)
"""An open desk shows a sign of life at least every 30 s."""


def sign_of_life(*, user_id: int) -> None:
    User.objects.filter(pk=user_id).update(last_seen_at=timezone.now())


def leave(*, user_id: int) -> None:
    """The last desk of this user has closed."""
    User.objects.filter(pk=user_id).update(last_seen_at=None)


def is_there(user: User, *, now: datetime | None = None) -> bool:
    moment = now or timezone.now()
    seen = user.last_seen_at
    return (
        user.is_active and user.availability == User.Availability.ONLINE and seen is not None and moment - seen < ALIVE
    )


def there(*, now: datetime | None = None) -> QuerySet[User]:
    """Everybody who is there, in any role."""
    moment = now or timezone.now()
    return User.objects.filter(is_active=True, availability=User.Availability.ONLINE, last_seen_at__gt=moment - ALIVE)
