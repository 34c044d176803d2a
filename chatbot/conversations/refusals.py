"""What a customer or an agent is told when something cannot be done."""


class Refusal(Exception):
    """The request cannot be done; `code` is for programs and `message` says to people what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
