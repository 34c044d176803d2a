"""History that comes in from other tools and goes out again: parsers (pure), a reader of files, a writer, an export."""
