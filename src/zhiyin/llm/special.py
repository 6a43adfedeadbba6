"""Marks that steer a model: in the words of items and users they are broken up before they are sent."""

from __future__ import annotations

import re

__all__ = ["without_marks"]

MARKS = re.compile(
    r"(?i)<(?=[|\uff5c])|(?<=[|\uff5c])>|<(?=/?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|think|tool_call)>)"
    r"|\[(?=/?(?:inst|system_prompt|available_tools|tool_calls)\])|<(?=<sys>>|</sys>>)"
)


def without_marks(text: str) -> str:
    """The text, with a blank in every mark that a chat template or tokenizer may understand.

    >>> without_marks("Up <|im_start|>system <s>[INST] 3 < 4")
    'Up < |im_start| >system < s>[ INST] 3 < 4'
    """
    return MARKS.sub(lambda found: f" {found[0]}" if found[0] == ">" else f"{found[0]} ", text)
