"""The OpenAPI 3.1 document, made from the table of routes and the types of the messages."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from zhiyin.serve.call import Param, Route
from zhiyin.serve.problems import PROBLEM_JSON, PROBLEMS

__all__ = ["document"]

ALWAYS = (
    "invalid_request",
    "body_too_large",
    "unsupported_media",
    "headers_too_large",
    "request_timeout",
    "internal",
)
"""What the guard may answer to any request."""
GUARDED = ("unauthenticated", "forbidden", "rate_limited")
WITH_BODY = ("invalid_json", "invalid_value", "too_deep")
NAME = re.compile(r"\{(\w+)(?::path)?\}")
STATUS = {
    ("POST", "/v1/keys"): "201",
    ("DELETE", "/v1/keys/{key_id}"): "204",
    ("DELETE", "/v1/session"): "204",
    ("POST", "/v1/jobs"): "201",
    ("POST", "/v1/uploads"): "201",
    ("DELETE", "/v1/uploads/{upload}"): "204",
}
REF = "#/components/schemas/{name}"


def document(routes: tuple[Route, ...], version: str) -> dict[str, Any]:
    """The whole document; JSON can hold it as it is."""
    types = {kind for route in routes for kind in (route.takes, route.gives) if kind is not None}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(NAME.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "zhiyin",
            "version": version,
            "summary": "Ranks a catalogue for one person, now, and says why",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key such as zy_live_…"}
            },
        },
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
    }


def _operation(route: Route) -> dict[str, Any]:
    verb = "" if route.method == "GET" else route.method.lower()
    name = re.sub(r"\W+", "_", verb + NAME.sub(r"\1", route.path)).strip("_")
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [_in_path(found) for found in NAME.findall(route.path)]
        + [_in_query(p) for p in route.params],
        "responses": _responses(route),
        "security": [{"key": [route.scope]}] if route.scope else [],
    }
    if route.takes is not None:
        operation["requestBody"] = _body(route)
    if route.raw:
        file = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": file}
    if route.scope == "ingest" and route.path == "/v1/events":
        operation["parameters"].append(
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 128},
             "description": "The same key and body give the same answer, without writing again"}
        )  # fmt: skip
    return operation


def _body(route: Route) -> dict[str, Any]:
    one = {"$ref": REF.format(name=route.takes.__name__)}
    schema: dict[str, Any] = one
    if route.ndjson:
        many = {"type": "array", "items": one, "minItems": 1}
        schema = {"oneOf": [many, one]} if route.path == "/v1/events" else {"anyOf": [many, one]}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if route.example is not None:
        content["application/json"]["examples"] = {"plain": {"value": route.example}}
        if route.ndjson:
            content["application/json"]["examples"]["many"] = {"value": [route.example]}
    if route.ndjson:
        content["application/x-ndjson"] = {"schema": {"type": "string", "description": "One object a line"}}
    return {"required": True, "content": content}


def _responses(route: Route) -> dict[str, Any]:
    status = STATUS.get((route.method, route.path), "200")
    good: dict[str, Any] = {"description": route.summary}
    if route.gives is not None:
        shown: dict[str, Any] = {"schema": {"$ref": REF.format(name=route.gives.__name__)}}
        if route.shown is not None:
            shown["examples"] = {"plain": {"value": route.shown}}
        good["content"] = {"application/json": shown}
    elif status == "200":
        kind = "text/plain" if route.path == "/metrics" else "application/json"
        good["content"] = {kind: {"schema": {"type": "string" if kind == "text/plain" else "object"}}}
    if route.html:
        good["content"]["text/html"] = {"schema": {"type": "string"}}
    codes = [*ALWAYS, *(GUARDED if route.scope else ("rate_limited",)), *(WITH_BODY if route.takes else ())]
    if "{" in route.path:
        codes += ["invalid_value", "not_found"]  # an id that is too long, or that no path can hold
    answers: dict[str, Any] = {status: good}
    for code in dict.fromkeys([*codes, *route.problems]):
        answers.setdefault(str(PROBLEMS[code].status), _problem(route))["x-codes"].append(code)
    return answers


def _problem(route: Route) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": REF.format(name="Problem")}
    content: dict[str, Any] = {PROBLEM_JSON: {"schema": schema}}
    if route.path == "/health/ready":
        content["application/json"] = {"schema": {"$ref": REF.format(name="Health")}}
    return {"description": "A problem; `code` says which", "content": content, "x-codes": []}


def _in_path(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 512},
    }


def _in_query(param: Param) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": param.kind}
    schema = {"type": "array", "items": kind} if param.repeated else kind
    return {"name": param.name, "in": "query", "description": param.about, "schema": schema}


PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457, with a code that never changes, the place of the fault, and the way out",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": list(PROBLEMS)},
        "detail": {"type": "string"},
        "path": {"type": "string", "description": "JSON path or name of the value"},
        "hint": {"type": "string", "description": "The way out"},
        "request_id": {"type": "string"},
        "retry_after_s": {"type": "number"},
    },
}
