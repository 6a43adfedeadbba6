"""All texts in one pass are judged as each alone, and as llama.cpp judges them with the same weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from zhiyin.contracts import LanguageModel, LikelihoodModel
from zhiyin.errors import ConfigError, LlmError
from zhiyin.types import Prompt

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from zhiyin.llm import TorchLanguageModel  # noqa: E402

LONG = 120.0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the LLaMA kind over single bytes: nothing to download, exact all the same."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_only = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(alphabet)}, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=bytes_only).save_pretrained(folder)
    transformers.set_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=len(alphabet), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.5,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def scorer(tiny: Path) -> Iterator[TorchLanguageModel]:
    language_model = TorchLanguageModel(path=tiny, dtype="float32", max_packed=24)
    yield language_model
    language_model.close()


def plainly(folder: Path, prefix: str, text: str) -> float:
    """One text, one pass, no cache: the definition."""
    import torch

    weights = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    head, whole = tokenizer(prefix)["input_ids"], tokenizer(prefix + text)["input_ids"]
    with torch.inference_mode():
        told = torch.log_softmax(weights(torch.tensor([whole])).logits[0].float(), -1)
    return float(sum(told[at - 1, whole[at]] for at in range(len(head), len(whole))))


def test_it_keeps_its_contracts(scorer: TorchLanguageModel) -> None:
    assert isinstance(scorer, LikelihoodModel) and isinstance(scorer, LanguageModel)
    with pytest.raises(LlmError, match="only scores") as caught:
        scorer.complete(Prompt("t", "1", "", "u"), schema=str, timeout=1)
    assert caught.value.why == "unable"


def test_packed_texts_are_judged_as_by_the_definition(scorer: TorchLanguageModel, tiny: Path) -> None:
    prefix = "Films that they liked, one after another:\n-"
    texts = [" Alien", " Aliens", "", " A much longer title than the others", "流浪地球", " Alien"]
    found = scorer.log_likelihood(prefix, texts, timeout=LONG)
    np.testing.assert_allclose(found, [plainly(tiny, prefix, text) for text in texts], atol=2e-3)
    again = scorer.log_likelihood(prefix, texts[::-1], timeout=LONG)[::-1]
    np.testing.assert_allclose(again, found, atol=2e-3)


def test_no_prefix_and_no_texts(scorer: TorchLanguageModel) -> None:
    assert np.isfinite(scorer.log_likelihood("", ["a", ""], timeout=LONG)).all()
    assert scorer.log_likelihood("a", [], timeout=LONG).shape == (0,)


def test_a_prefix_beyond_the_context_keeps_its_end(tiny: Path) -> None:
    short = TorchLanguageModel(path=tiny, dtype="float32", n_ctx=16)
    found = short.log_likelihood("x" * 300 + "the same end here", ["abc"], timeout=LONG)
    assert found[0] == pytest.approx(plainly(tiny, "the same end here"[-16:], "abc"), abs=2e-3)


def test_what_has_no_time_is_late_and_the_next_question_is_well(
    scorer: TorchLanguageModel, tiny: Path
) -> None:
    scorer.log_likelihood("a", ["b"], timeout=LONG)
    with pytest.raises(LlmError) as caught:
        scorer.log_likelihood("word " * 100, ["a"], timeout=0.0)
    assert caught.value.why in ("late", "busy") and caught.value.passing
    assert scorer.log_likelihood("ab", ["cd"], timeout=LONG)[0] == pytest.approx(
        plainly(tiny, "ab", "cd"), abs=2e-3
    )


def test_identity_goes_by_content(tiny: Path, tmp_path: Path) -> None:
    assert TorchLanguageModel(path=tiny).identity == TorchLanguageModel(path=tiny).identity
    assert TorchLanguageModel(path=tiny).identity != TorchLanguageModel(path=tiny, dtype="float32").identity
    with pytest.raises(ConfigError, match=r"no \*\.safetensors"):
        _ = TorchLanguageModel(path=tmp_path).identity


@pytest.mark.skipif(
    os.environ.get("ZHIYIN_SLOW") != "1", reason="ZHIYIN_SLOW=1 unpacks a real model for torch"
)
def test_a_gguf_is_judged_as_llama_cpp_judges_it(smollm2: Path) -> None:
    from zhiyin.llm import GgufLanguageModel

    prefix, texts = "The capital of France is", [" Paris", " Lyon", " a city in the north"]
    local = GgufLanguageModel(path=smollm2, n_ctx=512)
    theirs = local.log_likelihood(prefix, texts, timeout=LONG)
    local.close()
    ours = TorchLanguageModel(path=smollm2, dtype="float32").log_likelihood(prefix, texts, timeout=LONG)
    np.testing.assert_allclose(ours, theirs, atol=0.4)
