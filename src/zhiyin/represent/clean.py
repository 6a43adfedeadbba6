"""What a text must go through before any encoder sees it."""

from __future__ import annotations

__all__ = ["clean_text"]


def clean_text(text: str, max_chars: int) -> str:
    """At most `max_chars` characters in one line; "" when there is no letter or digit.

    Half surrogate pairs, which JSON can carry and UTF-8 cannot, are dropped.

    >>> clean_text("  Toy\\nStory ", 100), clean_text(" - … ", 100), clean_text("abcdef", 3)
    ('Toy Story', '', 'abc')
    """
    # Cutting before splitting keeps a text of many megabytes cheap.
    head = text[: 4 * max_chars].encode("utf-8", "ignore").decode("utf-8")
    line = " ".join(head.split())[:max_chars]
    return line if any(char.isalnum() for char in line) else ""
