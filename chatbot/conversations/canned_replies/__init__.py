"""Replies with a fixed text: their rows, and which question asks for which of them."""
