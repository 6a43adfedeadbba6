"""Which function works on which kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zhiyin.serve.jobs.comparing import compare_artefacts
from zhiyin.serve.jobs.drawing import draw_map
from zhiyin.serve.jobs.health import data_health
from zhiyin.serve.jobs.loading import load_upload
from zhiyin.serve.jobs.measuring import ablate_served, evaluate_served
from zhiyin.serve.jobs.previewing import preview_pipeline, publish_pipeline
from zhiyin.serve.jobs.run import Work
from zhiyin.serve.jobs.saving import back_up

__all__ = ["KINDS_OF_WORK"]

KINDS_OF_WORK: Mapping[str, Callable[[Work], Any]] = {
    "map": draw_map,
    "evaluate": evaluate_served,
    "ablate": ablate_served,
    "compare": compare_artefacts,
    "preview": preview_pipeline,
    "publish": publish_pipeline,
    "health": data_health,
    "import": load_upload,
    "backup": back_up,
}
