"""Meaning on the command line: chat, profile, tags."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from zhiyin.cli import show
from zhiyin.cli.answering import answering, opened_store
from zhiyin.cli.app import AllowImport, Json, N, ProjectPath
from zhiyin.cli.output import Output, Stages
from zhiyin.cli.project import Project, catalogue, item_code
from zhiyin.errors import ConfigError, DataError, LlmError
from zhiyin.terminal import printable

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender
    from zhiyin.types import Intent, Interest, Recommendation

__all__ = ["chat", "profile", "tags"]

profile = typer.Typer(help="What a user cares for, in words: show, edit, delete.", no_args_is_help=True)
tags = typer.Typer(help="What items are about: show, put.", no_args_is_help=True)
MODEL_S = 60.0
"""Longest time for a model to read a turn, and to phrase an answer."""
ROUND = 10
"""Items whose tags are kept together."""
Id = Annotated[str, typer.Argument(help="Id of the user.")]


def chat(
    project: ProjectPath,
    user: Annotated[str | None, typer.Argument(help="Id of the user; leave it out for a stranger.")] = None,
    say: Annotated[
        list[str] | None, typer.Option("--say", help="A turn, instead of asking for it; repeatable.")
    ] = None,
    n: N = 5,
    allow_import: AllowImport = None,
    as_json: Json = False,
) -> None:
    """Talk about what to choose: wishes, and what should be otherwise in the list; an empty line ends it.

    A language model in zhiyin.toml reads the words and phrases the answer; without one, rules and templates.

    Example: zhiyin chat shop alice --say "something funny from the 90s" --say "not the third"
    """
    from zhiyin.dialogue import State, answer_text, heard, locale_of, next_state
    from zhiyin.explain.chat_prompt import without_own_words

    out = Output(as_json=as_json)
    state, turns = State(), []
    with answering(project, allow_import) as known:
        recommender, items = known.recommender, catalogue(known.recommender)
        for words in _turns(say, as_json):
            locale = locale_of(words, "en")
            said = heard(words, state, items)
            state = next_state(said, _read(recommender, said.rest, locale), state, items)
            query = known.query(user, words=words, locale=locale, exclude=state.gone)
            trace = recommender.explained(replace(query, intent=state.intent), n)
            told = next((stage.details for stage in trace.stages if stage.name == "understand"), {})
            state = replace(state, shown=tuple(line.item for line in trace.recommendations))
            text = answer_text(state, items.ids.codes(state.shown), items, locale, told.get("relaxed", ()))
            own = replace(state, intent=without_own_words(state.intent))
            plain = answer_text(own, items.ids.codes(state.shown), items, locale, told.get("relaxed", ()))
            text = _phrased(recommender, words, plain, trace.recommendations, locale) or text
            out.show(Text(printable(text, 1000)), show.recommendations(trace.recommendations, locale=locale))
            turns.append({"message": words, "text": text, "items": trace.recommendations})
    out.result({"turns": turns})


def _read(recommender: Recommender, words: str, locale: str) -> Intent:
    """What the words ask for; the rules alone read where no model answers."""
    from zhiyin.represent.intent_prompt import read_by_model
    from zhiyin.represent.intent_rules import read_intent
    from zhiyin.types import Intent

    items = catalogue(recommender)
    vocabulary = recommender.reader_.vocabulary(items)
    if not words:
        return Intent()
    if recommender.llm is None:
        return read_intent(words, vocabulary, items)
    return read_by_model(words, recommender.llm, vocabulary, items, locale=locale, timeout=MODEL_S)[0]


def _phrased(
    recommender: Recommender, words: str, text: str, lines: Sequence[Recommendation], locale: str
) -> str:
    """The model's sentences about the list, as far as they pass the check; empty where none does."""
    from zhiyin.contracts import WritingModel
    from zhiyin.dialogue import spoken

    items, writer = catalogue(recommender), recommender.llm
    if not isinstance(writer, WritingModel) or not lines:
        return ""
    told = [(line.title, line.reasons[0].text if line.reasons else "") for line in lines]
    codes = items.ids.codes(line.item for line in lines)
    vocabulary = recommender.reader_.vocabulary(items)
    try:
        pieces = spoken(writer, words, text, told, codes, items, vocabulary, locale=locale, timeout=MODEL_S)
        return " ".join(pieces)
    except LlmError:
        return ""


def _turns(say: list[str] | None, as_json: bool) -> Iterator[str]:
    if say is not None:
        yield from (words for words in say if words.strip())
        return
    if as_json:
        raise ConfigError("--json does not ask: give the turns with --say")
    while words := typer.prompt("you", default="", show_default=False, prompt_suffix="> ").strip():
        yield words


# -- profiles ----------------------------------------------------------------------------------------


@profile.command("show")
def show_profile(project: ProjectPath, user: Id, as_json: Json = False) -> None:
    """Interests with their weights, and how many events each rests on.

    Example: zhiyin profile show shop alice
    """
    out = Output(as_json=as_json)
    interests, removed, edited = _interests(project, user)
    rows = {one.words: f"{one.weight:.2f}  {_rests_on(one)}" for one in interests}
    rows |= {one.words: "taken out" for one in removed}
    out.show(show.heading(user, "as it was edited" if edited else "from the history"), show.facts(rows))
    out.result({"user": user, "edited": edited, "interests": interests, "removed": removed})


@profile.command("edit")
def edit_profile(
    project: ProjectPath,
    user: Id,
    put: Annotated[
        list[str] | None,
        typer.Option("--put", help="Interest and weight: 'space films=1'; repeatable."),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="An interest to take out.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a user cares for; lists go by it at once. What is taken out takes the events behind it along.

    Example: zhiyin profile edit shop alice --put "space films=1" --remove Horror
    """
    from zhiyin.store.records import InterestRecord, ProfileRecord

    out, gone = Output(as_json=as_json), set(remove or ())
    interests, removed, _ = _interests(project, user)
    unknown = gone - {one.words for one in interests}
    if unknown:
        raise DataError("an interest of this profile", value=sorted(unknown)[0],
                        hint=f"zhiyin profile show {project} {user}")  # fmt: skip
    kept = {one.words: one for one in interests if one.words not in gone}
    records = {
        words: InterestRecord(words=words, weight=one.weight, items=list(one.items))
        for words, one in kept.items()
    }
    for given in put or ():
        words, weight = _weighted(given)
        rests_on = list(kept[words].items) if words in kept else []
        records[words] = InterestRecord(words=words, weight=weight, items=rests_on)
    lost = [*removed, *(one for one in interests if one.words in gone)]
    record = ProfileRecord(
        interests=list(records.values()),
        removed=[
            InterestRecord(words=one.words, weight=one.weight, items=list(one.items))
            for one in lost
            if one.words not in records
        ],
    )
    with opened_store(project) as store:
        store.put_profile(user, record, at=time.time(), actor="command line").result()
    out.note(f"{len(record.interests)} interests of {printable(user)} are kept")
    out.result({"user": user, "interests": list(records.values()), "removed": record.removed})


@profile.command("delete")
def delete_profile(project: ProjectPath, user: Id, as_json: Json = False) -> None:
    """Forget what was said of a user's interests: the history speaks again.

    Example: zhiyin profile delete shop alice
    """
    out = Output(as_json=as_json)
    with opened_store(project) as store:
        done = store.put_profile(user, None, at=time.time(), actor="command line").result()
    out.note("deleted" if done else "nothing was kept for this user")
    out.result({"user": user, "deleted": done})


def _interests(project: Path, user: str) -> tuple[list[Interest], list[Interest], bool]:
    """Interests, those taken out, and whether somebody has edited them."""
    from zhiyin.represent.profile import interests_of
    from zhiyin.types import Interest

    if Project(project).is_served:
        with opened_store(project) as store:
            record = store.profile(user)
        if record is not None:
            both: Any = [
                [Interest(r.words, r.weight, "", tuple(r.items), r.source) for r in rows]
                for rows in (record.interests, record.removed)
            ]
            return both[0], both[1], True
    with answering(project) as known:
        return list(interests_of(known.past(user), catalogue(known.recommender))), [], False


def _rests_on(one: Interest) -> str:
    return f"{len(one.items)} events" if one.items else "as said"


def _weighted(given: str) -> tuple[str, float]:
    words, _, weight = given.rpartition("=")
    try:
        found = (words.strip(), float(weight)) if words else (given.strip(), 1.0)
    except ValueError:
        raise ConfigError(f"--put {given!r}: expected words=weight, such as 'space films=1'") from None
    if not -3 <= found[1] <= 3:
        raise ConfigError(f"--put {given!r}: expected a weight from -3 (not interested) to 3")
    return found


# -- tags --------------------------------------------------------------------------------------------


@tags.command("show")
def show_tags(
    project: ProjectPath,
    item: Annotated[str, typer.Argument(help="Id or title of an item.")],
    as_json: Json = False,
) -> None:
    """Tags of one item: those that were given, else what its attributes and its text say.

    Example: zhiyin tags show shop "Green tea"
    """
    from zhiyin.represent.tags import Keywords, tags_of

    out = Output(as_json=as_json)
    with answering(project) as known:
        items = catalogue(known.recommender)
    code = item_code(items, item)
    found, source = tags_of(items, code, Keywords.learnt(items)), "rules"
    if Project(project).is_served:
        with opened_store(project) as store:
            record = store.tags(items.ids[code])
        if record is not None:
            found, source = tuple(record.tags), record.source
    out.show(show.heading(items.titles[code], source), Text(printable(", ".join(found), 1000)))
    out.result({"item": items.ids[code], "tags": list(found), "source": source})


@tags.command("put")
def put_tags(
    project: ProjectPath,
    item: Annotated[str, typer.Argument(help="Id or title of an item.")],
    words: Annotated[str, typer.Argument(help="Tags, separated by commas.")],
    as_json: Json = False,
) -> None:
    """Say what an item is about.

    Example: zhiyin tags put shop "Green tea" "tea,organic"
    """
    from zhiyin.store.records import TagsRecord

    out = Output(as_json=as_json)
    given = list(dict.fromkeys(filter(None, map(str.strip, words.replace("，", ",").split(",")))))[:30]
    if not given:
        raise DataError("at least one tag", value=words, hint="Write them like this: tea,organic")
    with answering(project) as known:
        items = catalogue(known.recommender)
    name = items.ids[item_code(items, item)]
    with opened_store(project) as store:
        record = TagsRecord(tags=given, source="user")
        store.put_tags(name, record, at=time.time(), actor="command line").result()
    out.note(f"{len(given)} tags")
    out.result({"item": name, "tags": given})


@tags.command("write")
def write_tags(
    project: ProjectPath,
    limit: Annotated[int, typer.Option(min=1, help="At most so many items.")] = 50,
    named: Annotated[
        str | None,
        typer.Option("--model", help="An installed model or a GGUF file, where zhiyin.toml has no \\[llm]."),
    ] = None,
    locale: Annotated[
        str, typer.Option(help="en or zh: the language of tags and lines. Left out: as most titles.")
    ] = "",
    in_lists: Annotated[
        bool, typer.Option("--in-lists", help="Lists go by these tags too, as by those of people.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The language model says what the next items are about; goes on where it stopped the last time.

    Example: zhiyin tags write shop --model qwen2.5-coder-1.5b --limit 10
    """
    from zhiyin.serve.tagging import write_tags as written

    out = Output(as_json=as_json)
    with answering(project) as known:
        recommender = known.recommender
    items, llm = catalogue(recommender), recommender.llm
    if named is not None:
        from zhiyin.llm import GgufLanguageModel, GuardedLanguageModel

        llm = GuardedLanguageModel(language_model=GgufLanguageModel(path=named), max_at_once=1)
        llm.keep_in(project)
    if llm is None:
        raise ConfigError("no language model: name one with --model, or give zhiyin.toml a table [llm]")
    if locale not in ("", "en", "zh"):
        raise ConfigError(f"--locale {locale!r}: expected en or zh")
    tagged: dict[str, Any] = {}
    failed: list[str] = []
    with opened_store(project) as store, out.stages() as stages:
        while (begun := len(tagged) + len(failed)) < limit:  # a stop in the middle costs one round
            done = written(
                store,
                items,
                llm,
                encoder=recommender.encoder,
                limit=min(ROUND, limit - begun),
                at=time.time(),
                locale=locale,
                in_lists=in_lists,
                progress=partial(_told, stages, begun, limit),
            )
            tagged |= done.tagged
            failed += done.failed
            if not done.went_on:
                break
    rows = {items.titles[items.ids.code(name)]: ", ".join(one.tags) for name, one in tagged.items()}
    out.show(show.facts(rows))
    if failed:
        out.note(f"{len(failed)} items were not described: {printable(failed[0], 200)}")
    told = {name: {"tags": one.tags, "line": one.line} for name, one in tagged.items()}
    out.result({"tagged": told, "failed": failed})


def _told(stages: Stages, before: int, limit: int, done: int) -> None:
    stages("items", before + done, limit)
