"""Language models and their servers: the only room that talks to one."""

from zhiyin.llm.embeddings import EmbeddingsClient
from zhiyin.llm.endpoint import EndpointLanguageModel
from zhiyin.llm.fake import FakeModel
from zhiyin.llm.gguf import GgufLanguageModel
from zhiyin.llm.guarded import GuardedLanguageModel
from zhiyin.llm.torch_scorer import TorchLanguageModel
from zhiyin.llm.verdict import Verdict, verdict_of

__all__ = [
    "EmbeddingsClient",
    "EndpointLanguageModel",
    "FakeModel",
    "GgufLanguageModel",
    "GuardedLanguageModel",
    "TorchLanguageModel",
    "Verdict",
    "verdict_of",
]
