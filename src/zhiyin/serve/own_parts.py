"""Classes of the user's own in a served project: which modules may be imported, artefacts that need them."""

from __future__ import annotations

from pathlib import Path

from zhiyin.recommender import Recommender
from zhiyin.saving import keep_models_in
from zhiyin.serve.settings import ServeSettings

__all__ = ["allowed_modules", "load_artefact"]


def allowed_modules(project: Path) -> tuple[str, ...]:
    """What the setting `allow_import` names; only who runs the service can change it."""
    return tuple(ServeSettings.of_project(project).allow_import)


def load_artefact(folder: Path) -> Recommender:
    """An artefact in `artefacts/` of a project, ready to answer; its language models are the project's."""
    project = folder.parent.parent
    found = Recommender.load(folder, allow_import=allowed_modules(project), histories=False)
    return keep_models_in(found, project)
