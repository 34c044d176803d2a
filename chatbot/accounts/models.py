"""People who work in Parley, what they may do, and the record of what they did. Customers are `Contact`s."""

import re
from typing import Any, Final

from django.contrib.auth.models import AbstractUser
from django.db import models

_HAN: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")


class User(AbstractUser):
    """An agent, admin or analyst. The role is the group's name (see `roles.py`)."""

    class Availability(models.TextChoices):
        ONLINE = "online"
        AWAY = "away"

    availability = models.CharField(max_length=10, choices=Availability, default=Availability.ONLINE)
    """What the agent chose; who counts as there also has a desk open (see `presence.py`)."""
    last_seen_at = models.DateTimeField(null=True, blank=True)
    """Last sign of life of an open desk."""
    last_routed_at = models.DateTimeField(null=True, blank=True)
    """When the round gave this agent a conversation last: whose turn is longest ago is next."""

    def get_full_name(self) -> str:
        """As its language writes it: 王小明, family name first, where both names are in Chinese characters."""
        if _HAN.fullmatch(self.first_name) and _HAN.fullmatch(self.last_name):
            return self.last_name + self.first_name
        return super().get_full_name()

    @property
    def shown_name(self) -> str:
        """What colleagues and customers read."""
        return self.get_full_name() or self.get_username()


class Team(models.Model):
    """Agents who share a queue. New handoffs go round among those who are there, or wait for whoever takes them."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(User, blank=True, related_name="teams")
    round_robin = models.BooleanField(default=False)
    cap = models.PositiveSmallIntegerField(default=8)
    """Open conversations at which an agent is passed over by the round."""

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """One line of the append-only audit log. Never deleted by the application, and changed by one thing alone.

    That is `audit.pseudonymise`: the names of an erased customer make room for a pseudonym.
    """

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=80, db_index=True)
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("An audit entry is written once.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("The audit log is append-only.")
