"""Whatever the OpenAPI document allows, and much that it does not: no 5xx, and answers as documented.

A few examples for each operation by default; ZHIYIN_FAULTS=long runs many. The service is a real one, so
that the server's own limits take part.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from service import LONG, Service, copied, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

CHECKS = [
    schemathesis.checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance, checks.response_headers_conformance, checks.negative_data_rejection,
]  # fmt: skip
PHASES = (Phase.explicit, Phase.generate) if not LONG else tuple(Phase)
EXAMPLES = 60 if LONG else 6
IGNORED = re.compile(
    r"violates `additionalProperties`|\bAuthorization\b|`format` at /properties/Authorization"
)
"""A name too many in the address does no harm, and the key is put in after the case was made."""


@pytest.fixture(scope="module")
def service(template: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = copied(template[0], tmp_path_factory.mktemp("fuzzed") / "shop")
    with serving(folder, template[1], workers=1, events_per_s=0, failed_keys_per_minute=10_000) as running:
        yield running


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    return service.http.get("/openapi.json").json()  # type: ignore[no-any-return]


def test_every_operation_keeps_to_its_document(service: Service, document: dict[str, Any]) -> None:
    asked, faults = fuzzed(service, document)
    assert asked == sum(len(methods) for methods in document["paths"].values())
    assert not faults, "\n".join(faults[:20])


def test_a_value_that_is_believed_is_noticed(template: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(template[0], tmp_path / "shop")
    with serving(folder, template[1], workers=1, planted="trusts numbers") as service:
        document = service.http.get("/openapi.json").json()
        document["paths"] = {"/v1/items": {"get": document["paths"]["/v1/items"]["get"]}}
        assert any(" -> 500 " in fault for fault in fuzzed(service, document, 40)[1])


def fuzzed(service: Service, document: dict[str, Any], n: int = EXAMPLES) -> tuple[int, list[str]]:
    """How many operations were asked `n` times, and what was wrong with the answers."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=str(service.http.base_url))
    faults: set[str] = set()
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:

        @settings(
            max_examples=n, deadline=None, database=None, phases=PHASES,
            suppress_health_check=list(HealthCheck), derandomize=True,
        )  # fmt: skip
        @given(case=st.one_of(*strategies(operation)))
        def check(case: Any) -> None:
            faults.update(wrong(case, service))

        check()
    return len(operations), sorted(faults)


def strategies(operation: Any) -> list[Any]:
    """Requests as documented, and requests that are not."""
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    return [operation.as_strategy(generation_mode=mode) for mode in modes]


def wrong(case: Any, service: Service) -> list[str]:
    """What speaks against the answer to one request."""
    name = f"{case.operation.method.upper()} {case.operation.path}"
    try:
        response = case.call(headers={"authorization": f"Bearer {service.key}"}, timeout=30)
    except (ValueError, UnicodeError):  # what no client could send
        return []
    said = f"{name} -> {response.status_code} {response.text[:300]}"
    if response.status_code == 503 and "deadline_exceeded" in response.text:
        return []  # the request itself asked for an answer within no time
    found = [said] if response.status_code >= 500 else []
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        found += [
            f"{said}\n    {type(one).__name__}: {one}"[:1500]
            for one in group.exceptions
            if not harmless(str(one))
            and not (type(one).__name__ == "AcceptedNegativeData" and refused(response))
        ]
    return found


def refused(response: Any) -> bool:
    """Whether something of a batch was: each event of one is answered by itself, the batch with 200."""
    return response.status_code == 200 and '"status":"rejected"' in response.text


def harmless(complaint: str) -> bool:
    """Whether all that it calls invalid is a name too many, or the key, which the test puts in."""
    parts = [
        line for line in complaint.splitlines() if line.strip().startswith("- ") or "component: " in line
    ]
    return bool(parts) and all(IGNORED.search(line) for line in parts)


def test_answers_without_a_key_are_problems(service: Service) -> None:
    """What the test above does not do: it always sends the key."""
    answer = httpx.post(f"{service.http.base_url}/v1/recommend", json={})
    assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"
