"""Finds the users, teams and tags that an import names. Users and teams are never made here; tags are."""

from chatbot.accounts.models import Team, User
from chatbot.conversations import access
from chatbot.conversations.history.records import Author
from chatbot.conversations.models import Inbox, Tag


class People:
    """Looked up once per import: by e-mail, then by user name."""

    def __init__(self, inbox: Inbox) -> None:
        users = list(User.objects.order_by("-pk"))
        self._by_email = {user.email.casefold(): user for user in users if user.email}
        self._by_name = {user.username.casefold(): user for user in users}
        self._members = set(access.agents(inbox).values_list("pk", flat=True))
        self._teams = {team.name.casefold(): team for team in Team.objects.all()}
        self._tags = {tag.name.casefold(): tag for tag in Tag.objects.all()}

    def user(self, author: Author) -> User | None:
        return self._by_email.get(author.email.casefold()) or self._by_name.get(author.username.casefold())

    def assignee(self, author: Author) -> User | None:
        """Only somebody who can see the inbox."""
        user = self.user(author)
        return user if user is not None and user.pk in self._members else None

    def team(self, name: str) -> Team | None:
        return self._teams.get(name.casefold())

    def tags(self, names: tuple[str, ...]) -> list[Tag]:
        for name in names:
            if name.casefold() not in self._tags:
                self._tags[name.casefold()] = Tag.objects.create(name=name)
        return list({self._tags[name.casefold()] for name in names})
