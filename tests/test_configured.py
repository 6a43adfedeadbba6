"""A project's zhiyin.toml may say only what is special about it; the rest is the default for the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhiyin.config import to_toml
from zhiyin.data.dataset import Dataset
from zhiyin.defaults import configured_recommender, default_recommender
from zhiyin.errors import ConfigError
from zhiyin.llm.guarded import GuardedLanguageModel
from zhiyin.rank.fusion import FusionRanker
from zhiyin.serve.ground import Places
from zhiyin.serve.pipeline import checked, present_toml
from zhiyin.testing import checkerboard


@pytest.fixture(scope="module")
def data() -> Dataset:
    return checkerboard()


def project(folder: Path, text: str) -> Path:
    (folder / "zhiyin.toml").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("text", ["", "[serve]\nworkers = 2\n", "\ufeff[serve]\nport = 1\n"])
def test_settings_of_the_service_alone_leave_the_default(text: str, data: Dataset, tmp_path: Path) -> None:
    found = configured_recommender(project(tmp_path, text), data)
    assert to_toml(found) == to_toml(default_recommender(data))


def test_one_table_stands_in_for_its_own_default_and_shares_the_encoder(
    data: Dataset, tmp_path: Path
) -> None:
    text = 'n_history = 7\n[ranker]\ntype = "fusion"\n[llm]\ntype = "gguf"\npath = "m"\n'
    found = configured_recommender(project(tmp_path, text), data)
    assert isinstance(found.ranker, FusionRanker)
    assert isinstance(found.llm, GuardedLanguageModel)
    assert found.n_history == 7
    assert list(found.retrievers) == list(default_recommender(data).retrievers)
    assert found.retrievers["content"].encoder is found.encoder  # type: ignore[attr-defined]


def test_a_file_with_retrievers_stands_for_itself(data: Dataset, tmp_path: Path) -> None:
    found = configured_recommender(project(tmp_path, '[retrievers.popular]\ntype = "popular"\n'), data)
    assert list(found.retrievers) == ["popular"]
    assert found.ranker is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve", "not TOML"),
        ("retrievers = {}\n", "expected one at least"),
        ('[ranker]\ntype = "fusionn"\n', "fusion"),
        ('[llm]\ntype = "endpoint"\nbase_url = "http://x"\nname = "m"\napi_key = "s3cret"\n', "api_key"),
    ],
)
def test_mistakes_are_told_all_the_same(text: str, said: str, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        configured_recommender(project(tmp_path, text), data)
    assert str(tmp_path / "zhiyin.toml") in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_a_mistake(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "zhiyin.toml").mkdir()
    with pytest.raises(ConfigError, match="readable"):
        configured_recommender(tmp_path, data)


def test_the_console_shows_and_takes_the_whole_of_it(data: Dataset, tmp_path: Path) -> None:
    serving = default_recommender(data)
    text, source = present_toml(Places(project(tmp_path, "[serve]\nworkers = 2\n")), serving)
    assert source == "file" and "workers = 2" in text
    assert to_toml(checked(Places(tmp_path), text, text)) == to_toml(serving)
