"""Loads the configured engine. Light itself: each engine's module is imported only when it is chosen.

HEAVY modules: `batching` (torch, transformers, peft). `extractive`, `openai` and `mock` load no model library.
"""

from finetune.records import Engine, EngineConfig


def load_engine(config: EngineConfig) -> Engine:
    """A loaded engine that serves many threads. Raises EngineUnavailable with a sentence that says what to do."""
    if config.kind == "transformers":
        from finetune.engines.batching import BatchingEngine

        return BatchingEngine(config)
    if config.kind == "openai":
        from finetune.engines.openai import OpenAIEngine

        return OpenAIEngine(config)
    if config.kind == "mock":
        from finetune.engines.mock import MockEngine

        return MockEngine(config)
    from finetune.engines.extractive import ExtractiveEngine

    return ExtractiveEngine(config)


def load_beside(engine: Engine, config: EngineConfig) -> Engine:
    """An engine for `config.adapter` that answers at the same time as `engine`, over its weights where it has any.

    Raises EngineUnavailable, and leaves `engine` as it was.
    """
    if config.kind == "transformers":
        from finetune.engines.batching import BatchingEngine

        if isinstance(engine, BatchingEngine):
            return BatchingEngine(config, beside=engine)
    return load_engine(config)
