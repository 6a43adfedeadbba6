"""Language models and their servers: the only room that talks to one."""

from zhiyin.llm.embeddings import EmbeddingsClient

__all__ = ["EmbeddingsClient"]
