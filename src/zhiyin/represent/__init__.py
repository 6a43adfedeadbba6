"""Vectors: text encoders, item vectors, user vectors."""

from zhiyin.represent.cached import CachedEncoder, cache_directory
from zhiyin.represent.endpoint_encoder import EndpointEncoder
from zhiyin.represent.hash_encoder import HashEncoder
from zhiyin.represent.items import item_vectors
from zhiyin.represent.space import Space
from zhiyin.represent.use_encoder import UseEncoder
from zhiyin.represent.words import words_vectors

__all__ = [
    "CachedEncoder",
    "EndpointEncoder",
    "HashEncoder",
    "Space",
    "UseEncoder",
    "cache_directory",
    "item_vectors",
    "words_vectors",
]
