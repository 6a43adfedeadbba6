"""The part of the demonstration that is about words: tags, a profile, what is understood, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from zhiyin.cli import show
from zhiyin.cli.output import Output
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.contracts import LanguageModel
    from zhiyin.recommender import Recommender

__all__ = ["show_words"]

ASKED = (
    "funny films from the 90s, nothing violent",
    "不要恐怖片，评分高的老电影",
    "飞船与激光枪",
)
PATIENCE_S = 60.0
COMMANDS = "pip install 'zhiyin[llm]'\nzhiyin models add qwen2.5-coder-1.5b"


def show_words(out: Output, recommender: Recommender, user: str) -> dict[str, object]:
    """Shows them for one user, with a local model where one is installed; ready for JSON."""
    from zhiyin.explain.understood_words import understood_as
    from zhiyin.represent.intent_prompt import read_by_model
    from zhiyin.represent.intent_rules import language_of, read_intent
    from zhiyin.represent.profile import interests_of
    from zhiyin.represent.tags import tags_of

    items, llm = recommender.items_, _model()
    assert items is not None
    book, past = recommender.reader_.vocabulary(items), recommender.query(user).history
    interests = interests_of(past, items)
    out.show(show.heading(f"What user {user} cares for", "from the history"))
    out.show(show.facts({one.words: f"{one.weight:.2f}  {len(one.items)} films" for one in interests}))
    out.show(show.heading("Tags"))
    out.show(show.facts({items.titles[c]: ", ".join(tags_of(items, c)) for c in past.items[-3:].tolist()}))
    by = "by rules and vectors" if llm is None else "by rules, else by a local model"
    out.show(show.heading("What is understood", by))
    told = []
    for words in ASKED:
        locale = language_of(words) or "en"
        intent, by_model = read_intent(words, book, items), False
        if llm is not None:
            intent, by_model = read_by_model(
                words, llm, book, items, locale=locale, timeout=PATIENCE_S, before_vectors=True
            )
        line = understood_as(intent, items, locale=locale)
        late = " (the model was too slow)" if llm is not None and not by_model else ""
        first = recommender.answer(recommender.query(user, words=words, locale=locale, intent=intent), 3)
        titles = " · ".join(printable(row.title) for row in first)
        out.show(Text(f"{words}\n  {printable(line)}{late}\n  {titles}"))
        told.append({"words": words, "understood": line, "by_model": by_model})
    if llm is None:
        out.show(Text(f"\nWith a language model, for what rules do not understand:\n{COMMANDS}", "dim"))
    return {"profile": interests, "understood": told, "model": "" if llm is None else llm.identity}


def _model() -> LanguageModel | None:
    """The largest local model that is installed, where its runtime is; None otherwise."""
    from importlib.util import find_spec

    from zhiyin.llm.gguf import GgufLanguageModel
    from zhiyin.llm.guarded import GuardedLanguageModel
    from zhiyin.llm.model_store import installed

    found = sorted(installed(), key=lambda one: one.path().stat().st_size)
    if not found or find_spec("xllamacpp") is None:
        return None
    return GuardedLanguageModel(language_model=GgufLanguageModel(path=found[-1].name), max_at_once=1)
