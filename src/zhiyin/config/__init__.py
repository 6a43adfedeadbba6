"""The TOML image of a recommender: the same objects in words, both ways.

    fallback = "popular"

    [encoder]
    type = "use"

    [retrievers.content]
    type = "content"
    encoder = "@encoder"      # the one above: one object, not a copy

`[llm]` and `"@llm"` are the same for the language model. Only what differs from the default is written. A
class of your own is `type = "my_module:MyRetriever"`, and reading it needs `allow_import=("my_module",)`: a
file alone can never choose what is imported.
"""

from zhiyin.components import ROLES, Component, Option, components
from zhiyin.config.filled import filled
from zhiyin.config.read import from_toml
from zhiyin.config.write import commented_toml, to_toml

__all__ = ["ROLES", "Component", "Option", "commented_toml", "components", "filled", "from_toml", "to_toml"]
