"""From tokens or raw pieces to the text a customer sees, piece by piece.

Never splits a character that several tokens make up, hides a model's private thoughts (<think>…</think>), and ends at
stop marks. Pure but for the tokenizer it is given.
"""

from collections.abc import Sequence
from typing import Any, Final

_THINK: Final = "<think>"
_THOUGHT: Final = "</think>"


class TokenText:
    """Incremental detokenisation. Feeding tokens one by one gives the same text as decoding all of them at once.

    The piece before gives each decode its context (word starts, joined bytes) and always ends with a whole character;
    a tail that ends inside a character waits for the next token.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._start = 0
        self._read = 0

    def feed(self, tokens: Sequence[int]) -> str:
        self._tokens.extend(tokens)
        before, now = self._decode(self._tokens[self._start : self._read]), self._decode(self._tokens[self._start :])
        if now.endswith("\ufffd") or len(now) <= len(before):
            return ""
        self._start, self._read = self._read, len(self._tokens)
        return now[len(before) :]

    def flush(self) -> str:
        """What is left, without a character that never became whole."""
        before, now = self._decode(self._tokens[self._start : self._read]), self._decode(self._tokens[self._start :])
        self._read = len(self._tokens)
        return now[len(before) :].rstrip("\ufffd")

    def _decode(self, tokens: Sequence[int]) -> str:
        if not tokens:
            return ""
        text = self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


class AnswerText:
    """Takes thoughts out of the beginning, stops at a stop mark, and holds back what may become one."""

    def __init__(self, stops: Sequence[str] = (), *, most_characters: int = 1_000_000) -> None:
        self.stopped = False
        self._stops = tuple(stops)
        self._held = ""
        self._mode = "start"
        self._left = most_characters

    def feed(self, piece: str) -> str:
        if self.stopped:
            return ""
        self._held += piece
        if self._mode != "text" and not self._past_thoughts():
            return ""
        return self._take(self._safe_length())

    def flush(self) -> str:
        """What was held back in case it became a mark."""
        if self.stopped or self._mode == "thought":
            return ""
        return self._take(len(self._held))

    def _past_thoughts(self) -> bool:
        """Whether the answer itself has begun; drops thoughts that are complete."""
        if self._mode == "start":
            begun = self._held.lstrip()
            if not begun or (_THINK.startswith(begun) and begun != _THINK):
                return False
            self._mode = "thought" if begun.startswith(_THINK) else "text"
        if self._mode == "thought":
            _thought, mark, rest = self._held.partition(_THOUGHT)
            if not mark:
                self._held = self._held[-len(_THOUGHT) :] if len(self._held) > 4096 else self._held
                return False
            self._held = rest.lstrip()
            self._mode = "text" if self._held else "after"
        if self._mode == "after":
            self._held = self._held.lstrip()
            if not self._held:
                return False
            self._mode = "text"
        return True

    def _safe_length(self) -> int:
        for stop in self._stops:
            at = self._held.find(stop)
            if at >= 0:
                self.stopped = True
                self._held = self._held[:at]
        if self.stopped:
            return len(self._held)
        keep = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._held)), keep, -1):
                if self._held.endswith(stop[:length]):
                    keep = length
                    break
        return len(self._held) - keep

    def _take(self, length: int) -> str:
        out, self._held = self._held[:length], self._held[length:]
        if len(out) >= self._left:
            out, self.stopped = out[: self._left], True
        self._left -= len(out)
        return out


class TokenPipe:
    """Tokens in, answer text out (finetune.engines.running.Pipe)."""

    def __init__(self, tokenizer: Any, stops: Sequence[str] = ()) -> None:
        self._tokens = TokenText(tokenizer)
        self._answer = AnswerText(stops)

    @property
    def stopped(self) -> bool:
        return self._answer.stopped

    def feed(self, piece: Sequence[int]) -> str:
        return self._answer.feed(self._tokens.feed(piece))

    def flush(self) -> str:
        return self._answer.feed(self._tokens.flush()) + self._answer.flush()
