"""Behind nginx as `docs/operate.md` has it: who asks is known, the console signs in, pieces come at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from service import PATIENCE_S, Service, copied, die_with_parent, eventually, serving

DOCS = Path(__file__).parents[2] / "docs"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

pytestmark = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")),
    reason="needs nginx, and openssl for a certificate (Debian: apt-get install nginx-light openssl)",
)


def documented(document: str, port: int) -> str:
    """The block of the documentation, with the port of this service."""
    found = re.search(r"```nginx\n(.*?)```", (DOCS / document).read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1].replace("127.0.0.1:8765", f"127.0.0.1:{port}")


@contextmanager
def nginx(folder: Path, location: str) -> Iterator[httpx.Client]:
    """A client of an nginx that speaks TLS on loopback, in front of `location`."""
    pem, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", pem], check=True, capture_output=True,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = "".join(f"{name}_temp_path {folder / name};\n" for name in TEMPORARY)
    own = "user root;\n" if os.geteuid() == 0 else ""  # its processes write into a folder that is ours alone
    (folder / "nginx.conf").write_text(
        f"{own}pid {folder / 'nginx.pid'};\ndaemon off;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}server {{\nlisten 127.0.0.1:{port} ssl;\n"
        f"ssl_certificate {pem};\nssl_certificate_key {key};\n{location}}}\n}}\n",
        "utf-8",
    )
    command = ["nginx", "-e", str(folder / "nginx.log"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        with httpx.Client(
            base_url=f"https://localhost:{port}",
            verify=ssl.create_default_context(cafile=pem),
            timeout=PATIENCE_S,
        ) as client:
            assert eventually(lambda: listening(client)), (folder / "nginx.log").read_text()
            yield client
    finally:
        process.terminate()
        process.wait()


def listening(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def behind(
    template: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Service]]:
    folder = tmp_path_factory.mktemp("proxied")
    project, key = copied(template[0], folder / "shop"), template[1]
    with (
        serving(
            project, key, workers=1, trusted_proxies="127.0.0.1", anonymous_per_s=50, anonymous_burst=20
        ) as service,
        nginx(folder, documented("operate.md", service.port)) as client,
    ):
        yield client, service


def test_both_languages_have_the_same_block() -> None:
    blocks = [documented(name, 1) for name in ("operate.md", "operate.zh-CN.md")]
    first, second = ([line.partition("#")[0].rstrip() for line in block.splitlines()] for block in blocks)
    assert first == second


def test_the_console_signs_in_and_its_cookie_needs_tls(behind: tuple[httpx.Client, Service]) -> None:
    client, service = behind
    origin = str(client.base_url).rstrip("/")
    answer = client.post("/v1/session", json={"key": service.key}, headers={"origin": origin})
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "secure" in cookie and "httponly" in cookie
    assert client.get("/v1/status").status_code == 200
    assert client.get("/console/").status_code == 200
    foreign = client.post("/v1/session", json={"key": service.key}, headers={"origin": "https://other"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "origin_refused")
    assert "Host" in foreign.json()["hint"]


def test_an_address_cannot_be_made_up(behind: tuple[httpx.Client, Service]) -> None:
    client, _ = behind
    answers = [
        client.get("/v1/session", headers={"x-forwarded-for": f"203.0.113.{n}"}).status_code
        for n in range(200)
    ]
    assert 429 in answers
    time.sleep(2)  # the others of this file have their share again


def test_answers_and_errors_are_those_of_the_service(behind: tuple[httpx.Client, Service]) -> None:
    client, service = behind
    headers = {"authorization": f"Bearer {service.key}"}
    answer = client.post("/v1/recommend", json={"user": "u0", "n": 3}, headers=headers)
    assert answer.status_code == 200 and len(answer.json()["items"]) == 3
    assert "a/b" in client.get("/v1/similar/a%2Fb", headers=headers).json()["detail"]
    large = [{"user": "u0", "item": "i0", "event_id": f"p{n}", "words": "w" * 900} for n in range(900)]
    assert client.post("/v1/events", content=json.dumps(large), headers=headers).status_code == 200
    too_large = client.post("/v1/events", content=b" " * (9 * 2**20), headers=headers)
    assert too_large.status_code == 413


def test_a_streamed_turn_comes_whole_and_forbids_the_proxy_to_keep_it(
    behind: tuple[httpx.Client, Service],
) -> None:
    client, service = behind
    asked = {"json": {"message": "hello"}, "headers": {"accept": "text/event-stream"}}
    assert service.http.post("/v1/chat", **asked).headers["x-accel-buffering"] == "no"
    asked["headers"]["authorization"] = f"Bearer {service.key}"
    text = client.post("/v1/chat", **asked).text
    assert text.startswith("event: list") and "event: end" in text
