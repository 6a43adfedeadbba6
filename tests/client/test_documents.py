"""What docs/http.md shows with curl works, in the order of the page, and it shows every route."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zhiyin.serve.problems import PROBLEMS
from zhiyin.serve.routes import ROUTES
from zhiyin.serve.settings import ServeSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "http.md").read_text("utf-8")
SHOWN = "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)).replace("\\\n", " ")
CURLS = [line for line in SHOWN.splitlines() if "curl " in line]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")
def test_every_curl_of_the_page_is_answered(service: Any) -> None:
    env = {**os.environ, "AT": service.address, "KEY": f"Authorization: Bearer {service.key}"}
    failed = []
    for line in CURLS:
        command = line.replace("curl ", "curl --silent --show-error --fail-with-body ")
        said = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, timeout=60)
        if said.returncode or not said.stdout:
            failed.append(f"{line}\n  {said.stdout}{said.stderr}")
    assert not failed, "\n".join(failed)


def test_the_page_shows_every_route() -> None:
    missing = []
    for route in ROUTES:
        path = re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"{[^}]*}", r'[^/?"` ]+', path) + r'(?=[?"`)\\s]|$)'
        if not re.search(pattern, PAGE):
            missing.append(f"{route.method} {route.path}")
    assert not missing or missing == ["DELETE /v1/keys/{key_id}"], missing
    assert "client.revoke_key" in PAGE


def test_the_reference_has_every_setting_and_every_code() -> None:
    text = (DOCS / "reference.md").read_text("utf-8")
    assert [row.name for row in ServeSettings.table() if f"| `{row.name}` |" not in text] == []
    assert [code for code in PROBLEMS if f"| `{code}` |" not in text] == []
