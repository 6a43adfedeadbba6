"""A recommender and its TOML image say the same, and a mistake in a file is told by its path."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest

from zhiyin.components import Component, components, options_of
from zhiyin.config import commented_toml, from_toml, to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.errors import ConfigError
from zhiyin.explain import EvidenceExplainer
from zhiyin.llm import EndpointLanguageModel, GgufLanguageModel, GuardedLanguageModel
from zhiyin.rank.boosted import BoostedRanker
from zhiyin.rank.diversity import DiversityReranker
from zhiyin.rank.features import EvidenceFeature, SourceFeature
from zhiyin.rank.rules import Rule, RulesRanker
from zhiyin.recommender import Recommender
from zhiyin.represent import CachedEncoder, HashEncoder
from zhiyin.retrieve import PopularRetriever
from zhiyin.retrieve.content import ContentRetriever
from zhiyin.saving import keep_models_in
from zhiyin.types import Interaction

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))


class OwnRetriever:
    """A class of a user's own."""

    def __init__(self, *, mode: Literal["fast", "exact"] = "fast", path: Path | str | None = None) -> None:
        self.mode = mode
        self.path = path

    def relevance(self, query: object) -> None:
        """Never asked here."""


class Unknown:
    """Not a retriever."""


def whole() -> Recommender:
    encoder = CachedEncoder(HashEncoder(dim=32))
    return Recommender(
        encoder=encoder,
        retrievers={
            "popular": PopularRetriever(half_life_days=3),
            "by meaning": ContentRetriever(encoder=encoder),
        },
        ranker=BoostedRanker(features=[SourceFeature(), EvidenceFeature(decays=(0.5, 1.0))], n_trees=7),
        rerankers=(DiversityReranker(encoder=encoder, weight=0.5),),
        explainer=EvidenceExplainer(),
        n_candidates=50,
    )


def made(part: Component) -> object:
    """One of each: with its defaults, and with stand-ins where something must be given."""
    given: dict[str, Any] = {}
    for option in part.options:
        if option.required:
            one: Any = HashEncoder() if option.role == "Encoder" else PopularRetriever()
            one = SourceFeature() if option.role == "Feature" else one
            if option.role == "LanguageModel":
                one = GgufLanguageModel(path="any.gguf")
                one = one if part.role == "LanguageModel" else GuardedLanguageModel(language_model=one)
            given[option.name] = {"one": one, "sequence": [one], "mapping": {"a": one}}.get(
                option.shape, "text"
            )
    return part.cls(**given)


def placed(part: Component) -> Recommender:
    """A recommender that holds the part in the slot for its role."""
    slots: dict[str, Any] = {"retrievers": {"popular": PopularRetriever()}}
    one = made(part)
    if part.role == "Retriever":
        slots["retrievers"] = {"one": one}
    elif part.role == "Feature":
        slots["ranker"] = BoostedRanker(features=[one])  # type: ignore[list-item]
    elif part.role == "Reranker":
        slots["rerankers"] = [one]
    elif part.role in ("Encoder", "Ranker", "Explainer"):
        slots[part.role.lower()] = one
    else:
        pytest.skip(f"a recommender has no slot for a {part.role}")
    return Recommender(**slots)


@pytest.mark.parametrize("part", components(), ids=lambda part: f"{part.role}-{part.name}")
def test_every_part_goes_there_and_back(part: Component) -> None:
    text = to_toml(placed(part))
    assert ":" not in text.split("type = ")[1], "an exported part is written by its short name"
    assert to_toml(from_toml(text)) == text
    assert to_toml(from_toml(commented_toml(placed(part)))) == text


@pytest.mark.parametrize("part", components(), ids=lambda part: f"{part.role}-{part.name}")
def test_every_part_has_options_that_a_file_can_hold(part: Component) -> None:
    for option in part.options:
        assert option.annotation is not inspect.Parameter.empty
    assert part.doc, f"{part.name} says nothing of itself in `zhiyin components`"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_goes_there_and_back(path: Path) -> None:
    recommender = from_toml(path)
    assert to_toml(from_toml(to_toml(recommender))) == to_toml(recommender)


def test_names_of_types_are_unambiguous() -> None:
    names = [(part.role, part.name) for part in components()]
    assert len(set(names)) == len(names)


def test_shared_objects_stay_shared() -> None:
    text = to_toml(whole())
    assert text.count('"@encoder"') == 2
    back: Any = from_toml(text)
    assert back.retrievers["by meaning"].encoder is back.encoder is back.rerankers[0].encoder
    assert isinstance(back.encoder.encoder, HashEncoder)
    assert back.encoder.encoder.dim == 32


def test_only_what_differs_is_written() -> None:
    text = to_toml(Recommender(retrievers={"popular": PopularRetriever()}))
    assert text == '[retrievers.popular]\ntype = "popular"\n'


def test_values_come_back_with_their_types() -> None:
    back: Any = from_toml(to_toml(whole()))
    assert back.retrievers["popular"].half_life_days == 3.0
    assert back.ranker.features[1].decays == (0.5, 1.0)
    assert back.n_candidates == 50


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        from_toml(
            """
            falback = "popular"
            n_each = "many"
            rerankers = [{ type = "diversity" }, "tail"]
            [retrievers.a]
            type = "populer"
            [retrievers.b]
            type = "popular"
            half_life_days = "long"
            [retrievers.c]
            type = "content"
            encoder = "@encoder"
            [retrievers.d]
            half_life_days = 1
            """
        )
    said = str(caught.value)
    for expected in (
        "falback: there is no such option. Did you mean 'fallback'?",
        "n_each: expected `int`, got `str`, the value is 'many'",
        "rerankers[0].encoder: it must be given",
        "rerankers[1]: expected a table with a type",
        "retrievers.a.type: there is no retriever 'populer'. Did you mean 'popular'?",
        "retrievers.b.half_life_days: expected `float`, got `str`",
        "retrievers.c.encoder: @encoder stands for the table [encoder], which is missing",
        "retrievers.d.type: expected the name of a retriever",
    ):
        assert expected in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "retrievers: it must be given"),
        ("retrievers = 3", "expected a table of named retrievers, got a number"),
        ("= x", "not TOML"),
        (
            "[encoder]\ntype = 'endpoint'\napi_key = 'sk-1'",
            "encoder.api_key: secrets do not belong",
        ),
        ("[encoder]\nencoder = 1\ntoken = 'x'", "encoder.token: secrets"),
        ("n_each = true\n[retrievers]", "n_each: expected `int`, got `bool`"),
        (
            "n_each = 0\ncold_share = 2.0\n[retrievers.a]\ntype = 'popular'",
            "n_each = 0: expected a number from 1 to 1e+06; cold_share = 2.0: expected",
        ),
    ],
)
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        from_toml(text + "\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: expected a readable TOML file"):
        from_toml(tmp_path / "nothing.toml")


def test_own_classes_need_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    text = to_toml(Recommender(retrievers={"own": OwnRetriever(mode="exact", path=Path("x"))}))  # type: ignore[dict-item]
    module = OwnRetriever.__module__
    assert f'type = "{module}:OwnRetriever"' in text
    imported: list[str] = []

    def spy(name: str) -> object:
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr("zhiyin.config.read.imported_module", spy)
    with pytest.raises(ConfigError, match="allow_import="):
        from_toml(text)
    assert imported == ["zhiyin.recommender"], "a refused module was imported"


def test_own_classes_with_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    module = OwnRetriever.__module__
    monkeypatch.setitem(__import__("sys").modules, module, inspect.getmodule(OwnRetriever))
    text = f'[retrievers.own]\ntype = "{module}:OwnRetriever"\nmode = "{{}}"\npath = "x"\n'
    own: Any = from_toml(text.format("exact"), allow_import=(module,)).retrievers["own"]
    assert (own.mode, own.path) == ("exact", "x")
    with pytest.raises(ConfigError, match="Did you mean 'exact'"):
        from_toml(text.format("exakt"), allow_import=(module,))
    for name, said in (
        ("Unknown", "no method 'relevance'"),
        ("nothing", "expected a class"),
        ("EXAMPLES", "class"),
    ):
        with pytest.raises(ConfigError, match=said):
            from_toml(f'[retrievers.own]\ntype = "{module}:{name}"\n', allow_import=(module,))


def test_secrets_are_never_written() -> None:
    class KeyedRetriever(OwnRetriever):
        def __init__(self, *, api_key: str = "") -> None:
            self.api_key = api_key

    with pytest.raises(ConfigError, match="api_key_env"):
        to_toml(Recommender(retrievers={"own": KeyedRetriever(api_key="sk-1")}))  # type: ignore[dict-item]


def test_records_go_there_and_back() -> None:
    rules = (
        Rule({"popular": 1.0}, history_max=2),
        Rule({"kernel": 2.0}, words=True, context={"place": "home"}),
    )
    recommender = Recommender(retrievers={"popular": PopularRetriever()}, ranker=RulesRanker(rules=rules))
    back: Any = from_toml(to_toml(recommender))
    assert back.ranker.rules == rules
    with pytest.raises(ConfigError, match=r"ranker\.rules\[0\]\.history_maxx: there is no such option"):
        from_toml(to_toml(recommender).replace("history_max", "history_maxx"))


def test_wiring_is_no_setting() -> None:
    options = {option.name: option.shape for option in options_of(CachedEncoder)}
    assert options["progress"] == "wiring"
    encoder = CachedEncoder(HashEncoder(), progress=lambda done, of: None)
    assert "progress" not in to_toml(Recommender(retrievers={"p": PopularRetriever()}, encoder=encoder))


def test_a_constructor_that_keeps_nothing_is_named() -> None:
    class ForgetfulRetriever(OwnRetriever):
        def __init__(self, *, depth: int = 3) -> None:
            pass

    with pytest.raises(ConfigError, match="does not keep its argument 'depth'"):
        to_toml(Recommender(retrievers={"own": ForgetfulRetriever()}))  # type: ignore[dict-item]


def test_the_commented_page_shows_what_is_not_set() -> None:
    page = commented_toml(whole())
    assert "# half_life_days" not in page
    assert "half_life_days = 3.0" in page
    assert "# n_each = 50" in page
    assert "# n_leaves = " in page
    assert to_toml(from_toml(page)) == to_toml(whole())


def test_a_language_model_is_shared_guarded_and_comes_back() -> None:
    text = """
        fallback = "popular"
        [retrievers.popular]
        type = "popular"
        [llm]
        type = "endpoint"
        base_url = "http://127.0.0.1:8000/v1"
        name = "qwen"
        extra = { seed = 3 }
        """
    first = from_toml(text)
    assert isinstance(first.llm, GuardedLanguageModel)
    assert isinstance(first.llm.language_model, EndpointLanguageModel)
    assert first.llm.language_model.extra == {"seed": 3}
    again = from_toml(to_toml(first))
    assert to_toml(again) == to_toml(first) and again.llm.identity == first.llm.identity
    assert "price_in = 2.5" in to_toml(
        from_toml(text.replace("[llm]", '[llm]\ntype = "guarded"\nprice_in = 2.5\n[llm.language_model]'))
    )


def test_a_model_of_one_part_alone_gets_a_guard_and_nothing_gets_two() -> None:
    llm = '[llm]\ntype = "gguf"\npath = "a.gguf"\n'
    text = '[retrievers.popular]\ntype = "popular"\n[[rerankers]]\ntype = "llm"\n[rerankers.llm]\n'
    own = from_toml(text + 'type = "gguf"\npath = "b.gguf"').rerankers[0].llm  # type: ignore[attr-defined]
    assert isinstance(own, GuardedLanguageModel) and isinstance(own.language_model, GgufLanguageModel)
    both = from_toml(llm + text + 'type = "guarded"\ntries = 1\nlanguage_model = "@llm"')
    inner = both.rerankers[0].llm  # type: ignore[attr-defined]
    assert isinstance(both.llm, GuardedLanguageModel) and inner.tries == 1
    assert inner.language_model is both.llm.language_model, "a guard around a guard counts everything twice"


def test_models_are_kept_in_the_folder_of_a_project(tmp_path: Path) -> None:
    llm = '[llm]\ntype = "gguf"\npath = "a.gguf"\n[retrievers.popular]\ntype = "popular"'
    guard = keep_models_in(from_toml(llm), tmp_path).llm
    assert isinstance(guard, GuardedLanguageModel)
    assert guard.usage() == [] and (tmp_path / "llm.sqlite").is_file()
    guard.close()


def test_the_word_for_the_shared_language_model_needs_its_table() -> None:
    with pytest.raises(ConfigError, match=r"llm\.language_model: @llm stands for the table \[llm\]"):
        from_toml('[llm]\ntype = "guarded"\nlanguage_model = "@llm"\n[retrievers.popular]\ntype = "popular"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[retrievers]", r"retrievers: expected one at least\. There are: als"),
        (
            'fallback = "populer"\n[retrievers.popular]\ntype = "popular"',
            r"fallback: .*Did you mean 'popular'",
        ),
    ],
)
def test_what_only_a_fit_or_a_save_would_have_found(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_toml(text + "\n")


def test_an_artefact_is_read_as_it_was_fitted(tmp_path: Path) -> None:
    """A fallback that names nothing was let through before: what was saved then still loads."""
    text = 'fallback = "gone"\n[retrievers.popular]\ntype = "popular"\n'
    data = Dataset.of([Interaction("u", "a"), Interaction("v", "b")])
    from_toml(text, strict=False).fit(data).save(tmp_path / "artefact")
    assert Recommender.load(tmp_path / "artefact").fallback == "gone"
    assert from_toml('[retrievers.kernel]\ntype = "kernel"').fallback == "popular", (
        "the default may be absent"
    )


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    text = '[retrievers.popular]\ntype = "popular"\n'
    (tmp_path / "zhiyin.toml").write_text(text, encoding="utf-8-sig")
    assert list(from_toml(tmp_path / "zhiyin.toml").retrievers) == ["popular"]
    assert list(from_toml("\ufeff" + text).retrievers) == ["popular"]
