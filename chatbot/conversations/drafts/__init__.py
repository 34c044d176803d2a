"""Drafts for agents: making and withdrawing them, help with an agent's own words, and what became of them."""
