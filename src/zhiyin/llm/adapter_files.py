"""An adapter on disk, twice: as PEFT reads it (safetensors) and as llama.cpp reads it (GGUF)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiyin.errors import MissingExtraError

__all__ = ["write_adapter", "write_gguf_adapter"]

PLACE = re.compile(r"model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])\.weight$")
NAMES = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
Rows = NDArray[np.float32]


def write_adapter(folder: Path, network: Any, base: str) -> Path:
    """`adapter_model.safetensors`, `adapter_config.json` and `adapter.gguf`; returns the last."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.detach().cpu().float().contiguous() for name, one in
               get_peft_model_state_dict(network, save_embedding_layers=False).items()}  # fmt: skip
    fresh = folder / ".adapter.partial"
    save_file(tensors, fresh, {"format": "pt"})
    os.replace(fresh, folder / "adapter_model.safetensors")
    config = network.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1, default=_plain) + "\n", "utf-8")
    arrays = {name: one.numpy() for name, one in tensors.items()}
    write_gguf_adapter(
        folder / "adapter.gguf", arrays, network.get_base_model().config, float(config["lora_alpha"])
    )
    return folder / "adapter.gguf"


def write_gguf_adapter(path: Path, tensors: dict[str, Rows], config: Any, alpha: float) -> None:
    """For `lora` of a GGUF model; `config` is the one of transformers for the model that was taught."""
    try:
        from gguf import GGUFWriter
    except ImportError as error:
        raise MissingExtraError("gguf", extra="train") from error
    fresh = path.with_suffix(".partial")
    writer = GGUFWriter(fresh, config.model_type)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, rows in sorted(tensors.items()):
        found = PLACE.search(name)
        if found is None:
            raise ValueError(f"no place in a GGUF is known for {name}")
        layer, part, side = found.groups()
        if side == "B" and config.model_type == "llama" and part in ("q_proj", "k_proj"):
            n = config.num_attention_heads if part == "q_proj" else config.num_key_value_heads
            rows = paired(rows, n)
        writer.add_tensor(f"blk.{layer}.{NAMES[part]}.weight.lora_{side.lower()}", np.ascontiguousarray(rows))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(fresh, path)


def paired(rows: Rows, n_heads: int) -> Rows:
    """Rotary positions turn rows i and i + half of a head in transformers, neighbours in llama.cpp's llama.

    >>> paired(np.arange(8, dtype=np.float32)[:, None], 2)[:, 0].tolist()
    [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
    """
    half = len(rows) // n_heads // 2
    order = np.arange(len(rows)).reshape(n_heads, 2, half).transpose(0, 2, 1).ravel()
    return rows[order]


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)
