"""An adapter learns and nothing else does; a run goes on as if never stopped; llama.cpp reads it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zhiyin.errors import ConfigError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")
pytest.importorskip("gguf")

from zhiyin.llm.adapter_files import paired, write_adapter  # noqa: E402
from zhiyin.llm.adapter_training import (  # noqa: E402
    AdapterTraining,
    Lesson,
    Progress,
    Schedule,
    lesson_of,
    with_adapter,
)

CYCLE = (3, 9, 4, 1, 12, 7, 15, 2)
"""What the lessons repeat: after 3 comes 9, after 9 comes 4 …"""


def network(seed: int = 0, kind: str = "Llama") -> Any:
    """Random weights and a fresh adapter of rank 4."""
    transformers.set_seed(7)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=16, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    return with_adapter(getattr(transformers, f"{kind}ForCausalLM")(config), 4, seed)


def draw(rng: np.random.Generator) -> Lesson:
    begin, n = int(rng.integers(len(CYCLE))), int(rng.integers(5, 9))
    tokens = tuple(CYCLE[(begin + place) % len(CYCLE)] for place in range(n))
    return Lesson(tokens, tuple(range(2, n)))


HELD = [draw(np.random.default_rng(place)) for place in range(6)]


def run(steps: int = 12, file: Path | None = None, **more: Any) -> AdapterTraining:
    resume = more.pop("resume", False)
    schedule = Schedule(steps, batch=4, learning_rate=2e-2, warmup=2, check_every=4, patience=0)
    training = AdapterTraining(network(), draw, HELD, schedule, checkpoint=file, **more)
    training.run(resume=resume)
    return training


def test_the_loss_falls_and_only_the_adapter_learns() -> None:
    made = network()
    before = {name: one.clone() for name, one in made.state_dict().items()}
    training = AdapterTraining(made, draw, HELD, Schedule(30, 4, 2e-2, 2, 10, 0))
    best = training.run()
    assert best.lesson < 0.7 * training.checks_[0].lesson
    after = made.state_dict()
    changed = {name for name, one in after.items() if not torch.equal(one, before[name])}
    assert changed and all(".lora_" in name for name in changed)


def test_a_run_that_goes_on_is_the_run_that_never_stopped(tmp_path: Path) -> None:
    whole = run(12)
    run(8, tmp_path / "run.safetensors")
    rest = run(12, tmp_path / "run.safetensors", resume=True)
    assert rest.losses_ == whole.losses_ and rest.checks_ == whole.checks_
    for name, one in rest.learnt.items():
        assert torch.equal(one, whole.learnt[name]), name


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    with pytest.raises(ConfigError, match="no run to go on with"):
        run(4, file, resume=True)
    run(4, file, about="films")
    with pytest.raises(ConfigError, match="other model or data, seed"):
        run(4, file, about="books", seed=1, resume=True)


def test_it_stops_when_checks_get_no_better_and_keeps_the_best() -> None:
    seen: list[Progress] = []
    made = network()
    noise = np.random.default_rng(3)
    held = [Lesson(tuple(noise.integers(0, 16, 8).tolist()), tuple(range(1, 8))) for _ in range(4)]
    training = AdapterTraining(made, draw, held, Schedule(400, 4, 5e-2, 2, 2, 3), watch=seen.append)
    best = training.run()
    assert len(training.losses_) < 400 and best.lesson == min(check.lesson for check in training.checks_)
    assert training.check().lesson == pytest.approx(best.lesson, abs=1e-5)
    assert [done.step for done in seen] == list(range(1, len(training.losses_) + 1))
    assert all(done.seconds_left >= 0 and done.of == 400 for done in seen)


def test_other_kinds_of_networks_are_refused_before_anything_is_learnt() -> None:
    config = transformers.GPT2Config(vocab_size=16, n_embd=16, n_layer=1, n_head=2)
    with pytest.raises(ConfigError, match="llama and qwen2, and this model is of kind 'gpt2'"):
        with_adapter(transformers.GPT2LMHeadModel(config), 4, 0)


@pytest.mark.parametrize("kind", ["Llama", "Qwen2"])
def test_the_gguf_holds_what_peft_holds(tmp_path: Path, kind: str) -> None:
    from gguf import GGUFReader
    from safetensors.numpy import load_file

    made = network(kind=kind)
    write_adapter(tmp_path, made, "tiny")
    theirs = load_file(tmp_path / "adapter_model.safetensors")
    read = GGUFReader(tmp_path / "adapter.gguf")
    ours = {tensor.name: tensor.data for tensor in read.tensors}
    assert len(ours) == len(theirs) == 2 * 2 * 7
    told = {name: field.contents() for name, field in read.fields.items()}
    assert told["general.type"] == "adapter" and told["adapter.type"] == "lora"
    assert told["general.architecture"] == kind.lower() and told["adapter.lora.alpha"] == 8.0
    place = "base_model.model.model.layers.1.self_attn.{}_proj.lora_{}.weight"
    np.testing.assert_array_equal(ours["blk.1.attn_q.weight.lora_a"], theirs[place.format("q", "A")])
    heads = theirs[place.format("k", "B")]
    expected = paired(heads, 2) if kind == "Llama" else heads
    np.testing.assert_array_equal(ours["blk.1.attn_k.weight.lora_b"], expected)


class Bytes:
    """A tokenizer of single letters."""

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        return {
            "input_ids": [ord(letter) for letter in text],
            "offset_mapping": [(place, place + 1) for place in range(len(text))],
        }


def test_only_learnt_parts_of_a_text_are_asked_for() -> None:
    lesson = lesson_of(Bytes(), [("ab:", False), (" x\n", True), ("-", False), (" <|y\n", True)])
    asked = "".join(chr(lesson.tokens[place]) for place in lesson.places)
    assert asked == " x\n < |y\n"
    short = lesson_of(Bytes(), [("ab:", False), (" x\n", True)], n_ctx=2)
    assert short.tokens == (ord("x"), ord("\n")) and short.places == (1,)


@pytest.fixture(scope="module")
def taught(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of SmolLM2 with random weights, large in queries and keys: wrong rows would show."""
    from zhiyin.llm.torch_weights import loaded_weights

    weights, _ = loaded_weights(smollm2, None, "cpu", "float32", 1)
    made, chance = with_adapter(weights, 8, 0), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, one in made.named_parameters():
            if "lora_B" in name:
                size = 0.15 if "q_proj" in name or "k_proj" in name else 0.02
                one.copy_(size * torch.randn(one.shape, generator=chance))
    folder = tmp_path_factory.mktemp("adapter")
    write_adapter(folder, made, "smollm2-135m")
    return folder


def test_llama_cpp_and_torch_agree_on_an_adapter(smollm2: Path, taught: Path) -> None:
    """Up to what 8-bit activations cost llama.cpp: 0.5 without an adapter; rows in a wrong order cost 6."""
    from zhiyin.llm import GgufLanguageModel, TorchLanguageModel

    prefix = "Chosen by one person, oldest first:\n- Alien (1979)\n-"
    texts = [" Aliens (1986)\n", " Toy Story (1995)\n", " Fargo (1996)\n", " The Godfather (1972)\n"]
    found = []
    for lora in (None, taught / "adapter.gguf"):
        local = GgufLanguageModel(path=smollm2, n_ctx=256, lora=lora)
        found.append(local.log_likelihood(prefix, texts, timeout=120))
        local.close()
    exact = TorchLanguageModel(path=smollm2, adapter=taught, dtype="float32").log_likelihood(
        prefix, texts, timeout=120
    )
    np.testing.assert_allclose(found[1], exact, atol=0.8)
    assert abs(exact[3] - found[0][3]) > 4
