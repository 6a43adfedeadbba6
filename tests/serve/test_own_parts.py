"""A retriever of one's own: fitted, published, loaded by workers and jobs, if its module is allowed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from service import eventually, prepare, serving

from zhiyin.errors import ConfigError
from zhiyin.serve.own_parts import allowed_modules

TOML = """[retrievers.mine]
type = "my_parts:BackwardsRetriever"
by = 2.0

[retrievers.popular]
type = "popular"
"""


def project(folder: Path, text: str) -> str:
    folder.mkdir()
    (folder / "zhiyin.toml").write_text(text)
    return prepare(folder, now=time.time).first_key


@pytest.mark.parametrize("how", ["file", "flag"])
def test_it_is_fitted_and_answers_over_http(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    key = project(folder, TOML + ('\n[serve]\nallow_import = ["my_parts"]\n' if how == "file" else ""))
    flags = {} if how == "file" else {"allow_import": "my_parts"}
    with serving(folder, key, workers=2, **flags) as service:
        items = [{"id": f"i{n}", "title": f"Tea {n}"} for n in range(20)]
        service.http.put("/v1/items", json=items).raise_for_status()
        assert eventually(lambda: service.ready()["status"] == "ok")
        answer = service.recommend("ann", n=3)
        assert [line["id"] for line in answer["items"]] == ["i19", "i18", "i17"]
        assert answer["items"][0]["sources"]["mine"] == 1
        events = [{"user": "bob", "item": f"i{n}"} for n in range(4)]
        service.http.post("/v1/events", json=events).raise_for_status()
        asked = {"kind": "preview", "toml": (folder / "zhiyin.toml").read_text().replace("2.0", "3.0")}
        job = service.http.post("/v1/jobs", json=asked).json()["id"]
        assert eventually(lambda: service.http.get(f"/v1/jobs/{job}").json()["state"] in ("done", "failed"))
        ended = service.http.get(f"/v1/jobs/{job}").json()
        assert ended["state"] == "done", ended["detail"]


def test_a_module_that_nobody_allowed_is_not_imported(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    key = project(folder, TOML)
    with serving(folder, key, workers=1) as service:
        service.http.put("/v1/items", json=[{"id": "a", "title": "Tea"}]).raise_for_status()
        said = 'allow_import = ["my_parts"] in [serve]'
        assert eventually(lambda: any(said in reason for reason in service.ready()["reasons"]))
        changed = TOML + '\n[serve]\nallow_import = ["my_parts"]\n'
        verdict = service.http.post("/v1/pipeline/check", json={"toml": changed}).json()
        assert not verdict["ok"] and "on the machine itself" in str(verdict["faults"])


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "zhiyin.toml").mkdir()
    with pytest.raises(ConfigError, match="expected a readable TOML file"):
        allowed_modules(tmp_path)
