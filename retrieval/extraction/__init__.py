"""Turns the bytes of a document into Markdown, or into a reason a person understands.

One module per format. Parsers of untrusted formats run in a child process with limits (`isolation.py`, `worker.py`);
nothing here knows the database. Refuses to guess: what is damaged, encrypted or of the wrong type gets a reason.
"""

from retrieval.extraction.isolation import extract
from retrieval.extraction.outcomes import Extracted, Outcome, Unreadable

__all__ = ["Extracted", "Outcome", "Unreadable", "extract"]
