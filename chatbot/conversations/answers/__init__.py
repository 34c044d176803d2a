"""Making one answer: understand, find, decide, generate, verify. Pure over a `Searcher` and an `Engine`; no rows."""
