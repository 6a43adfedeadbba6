"""Weights for torch: from a folder as transformers writes it, or from a GGUF file, unpacked once."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from zhiyin.errors import ArtefactError, ConfigError, MissingExtraError
from zhiyin.llm.gguf_header import check_gguf
from zhiyin.llm.model_store import fingerprint, found_model, sha256_of, unpacked_folder

__all__ = ["identity_of", "loaded_weights", "unpacked"]


def loaded_weights(
    path: str | Path, adapter: str | Path | None, device: str, dtype: str, n_threads: int
) -> tuple[Any, Any]:
    """The network, ready to score, and its tokenizer. Nothing is downloaded, no code of a folder is run."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("torch and transformers", extra="train") from error
    torch.set_num_threads(n_threads)
    folder = unpacked(path)
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(dtype) or _fastest(device)
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        disable_progress_bar()  # type: ignore[no-untyped-call]
        weights: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, use_safetensors=True, **safe)
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        if adapter is not None:
            weights = _adapted(weights, adapter)
    except (OSError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder} cannot be loaded by transformers: {error}") from error
    return weights.to(device).eval(), tokenizer


def unpacked(path: str | Path) -> Path:
    """The folder of a model; for a GGUF the one that it is unpacked into, once, as bfloat16."""
    given = Path(path).expanduser()
    if given.is_dir():
        return given
    file = found_model(path)
    target = unpacked_folder(fingerprint(file))
    if (target / "config.json").is_file():
        return target
    check_gguf(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack.", dir=target.parent) as scratch:
        fresh = Path(scratch) / "weights"
        _unpack(file, fresh)
        try:
            os.replace(fresh, target)
        except OSError:  # another process was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return target


def identity_of(path: str | Path, adapter: str | Path | None) -> str:
    """By content: of the GGUF, or of a folder's weights."""
    given = Path(path).expanduser()
    name = _folder_print(given) if given.is_dir() else fingerprint(found_model(path))
    return name if adapter is None else f"{name}+{_folder_print(Path(adapter))}"


def _folder_print(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ConfigError(f"{folder} has no *.safetensors")
    return "-".join(fingerprint(file) for file in files[:4]) + f"/{sha256_of(_config(folder))[:8]}"


def _config(folder: Path) -> Path:
    found = next(
        (folder / name for name in ("config.json", "adapter_config.json") if (folder / name).is_file()), None
    )
    if found is None:
        raise ConfigError(f"{folder} has no config.json")
    return found


def _unpack(file: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    where = {"gguf_file": file.name, "local_files_only": True}
    try:
        disable_progress_bar()  # type: ignore[no-untyped-call]
        weights: Any = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **where)
    except ImportError as error:
        raise MissingExtraError("gguf", extra="train") from error
    except Exception as error:  # the readers of a foreign file raise whatever it makes them stumble over
        raise ArtefactError(f"{file} cannot be unpacked for torch: {error}") from error
    weights.hf_quantizer = None  # they are plain numbers now, and may be saved as such
    if hasattr(weights.config, "quantization_config"):
        del weights.config.quantization_config
    weights.to(torch.bfloat16).save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)


def _adapted(weights: Any, adapter: str | Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError("peft", extra="train") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers
        return PeftModel.from_pretrained(weights, str(adapter)).merge_and_unload()


def _fastest(device: str) -> Any:
    import torch

    if device != "cpu":
        return torch.bfloat16
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        flags = ""
    return torch.bfloat16 if "avx512_bf16" in flags or "amx_bf16" in flags else torch.float32
