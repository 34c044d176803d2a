"""From the bot to a person: when and why (pure), the queue, the round of a team, opening hours."""
