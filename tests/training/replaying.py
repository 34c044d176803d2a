"""A shop whose page changes, an index over it, and engines that say what a test wants."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chatbot.conversations.models import Conversation, Message, ReplyJob
from finetune import adapters, engine_pool, promotion
from finetune.engines.extractive import ExtractiveEngine
from finetune.records import Engine, EngineConfig, GenerationRequest, GenerationResult
from retrieval import sync
from retrieval.fingerprints import content_hash
from retrieval.models import Document, IndexVersion, Source
from tests import factories
from tests.conversations.shop import Says
from tests.fakes import HashEmbedder
from tests.finetune import promoting

QUESTION = "How many days do I have to return worn shoes?"


def page(title: str, text: str) -> Document:
    """A page of the shop, or its new text; in the index after `index`."""
    source, _made = Source.objects.get_or_create(name="pages", defaults={"kind": "upload"})
    fields = {
        "title": title,
        "markdown": text,
        "content_hash": content_hash(text),
        "status": "processing",
        "lang": "en",
    }
    return Document.objects.update_or_create(source=source, key=title, defaults=fields)[0]


def index() -> IndexVersion:
    made = sync.run(embedder=HashEmbedder())
    assert made is not None
    return made


def answered(question: str = QUESTION, **inbox: Any) -> Message:
    """A customer asks and a worker answers, as every day."""
    from chatbot.conversations import replying

    talk: Conversation = factories.conversation(inbox=factories.inbox(**inbox))
    factories.posted(talk, question)
    replying.run(ReplyJob.objects.get(conversation=talk).pk)
    return Message.objects.select_related("conversation__inbox").get(conversation=talk, role="bot")


class Wrote(Says):
    """Says one thing in its adapter's name."""

    def __init__(self, text: str, adapter: str) -> None:
        super().__init__(text)
        self.adapter, self.closed = adapter, False

    @property
    def result(self) -> GenerationResult:
        return replace(super().result, engine="transformers", adapter=self.adapter)

    def close(self) -> None:
        self.closed = True


class Engines:
    """This process's engine, and those that replays have made."""

    def __init__(self, says: Callable[[str], str]) -> None:
        self.made: list[Wrote] = []
        self.configs: list[EngineConfig] = []
        self._says = says
        self.live = Wrote(says("live"), "")

    def beside(self, _engine: Engine, config: EngineConfig) -> Engine:
        digest = config.adapter.rpartition("/")[2]
        self.configs.append(config)
        self.made.append(Wrote(self._says(digest), digest))
        return self.made[-1]

    def requests(self) -> list[GenerationRequest]:
        return [request for one in self.made for request in one.requests]

    def install(self, monkeypatch: Any, settings: Any) -> None:
        settings.GENERATOR, settings.OPENAI_BASE_URL, settings.GENERATOR_MODEL = "", "", promoting.MODEL
        config = EngineConfig(kind="transformers", model=promoting.MODEL, batch=16)
        serving = engine_pool.ServingEngine(
            config,
            ExtractiveEngine(),
            load=lambda _config: self.live,
            load_beside=self.beside,
            wanted_adapter=adapters.wanted_folder,
            wanted_trial=promotion.wanted_trial,
        )
        monkeypatch.setattr(engine_pool, "_serving", serving)
