"""What can go wrong, as the client sees it: RFC 9457 problem details with a stable code and the way out."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from zhiyin.errors import (
    ConfigError,
    DataError,
    FilterError,
    NotFittedError,
    StoreBusyError,
    StoreError,
    ZhiyinError,
    shorten,
)

__all__ = ["FILTER_SETTINGS", "PROBLEMS", "PROBLEM_JSON", "PROBLEM_ROUTES", "Kind", "Problem", "problem_of"]

PROBLEM_JSON = "application/problem+json"


class Kind(NamedTuple):
    """A row of the table of codes, which is documented and never changes its meaning."""

    status: int
    title: str
    title_zh: str
    hint: str


PROBLEMS: dict[str, Kind] = {
    "invalid_json": Kind(400, "The body is not JSON", "请求体不是合法的 JSON", "Send UTF-8 JSON."),
    "invalid_request": Kind(
        400, "The request cannot be read", "无法解析请求", "Compare it with /openapi.json."
    ),
    "unauthenticated": Kind(
        401, "A valid key is needed", "需要有效的密钥", "Send `Authorization: Bearer zy_live_…`."
    ),
    "forbidden": Kind(403, "This key may not do that", "该密钥没有此权限", "Use a key that has the scope."),
    "origin_refused": Kind(
        403, "This origin may not call", "不允许该来源调用", "Name the origin in serve.cors_origins."
    ),
    "not_found": Kind(404, "There is nothing here", "此处没有内容", "See /openapi.json for what there is."),
    "method_not_allowed": Kind(405, "Not with this method", "不支持该方法", "See the header Allow."),
    "not_acceptable": Kind(406, "Not in this format", "不支持该格式", "Accept application/json."),
    "request_timeout": Kind(408, "The request came too slowly", "请求传输过慢", "Send it again, at once."),
    "conflict": Kind(
        409, "It does not fit what is there", "与现有状态冲突", "Read the state, then send again."
    ),
    "body_too_large": Kind(413, "The body is too large", "请求体过大", "Send smaller batches."),
    "unsupported_media": Kind(
        415,
        "Not this kind of body",
        "不支持该类型的请求体",
        "Send application/json without Content-Encoding.",
    ),
    "invalid_value": Kind(422, "A value does not hold", "字段取值无效", "`path` names it."),
    "invalid_filter": Kind(
        422, "The filter cannot be read", "无法解析过滤表达式", "`detail` marks the place."
    ),
    "too_deep": Kind(422, "The body is nested too deeply", "请求体嵌套过深", "Send a flatter body."),
    "limit_exceeded": Kind(422, "More than a limit allows", "超过限制", "`detail` names the setting."),
    "rate_limited": Kind(429, "Too many requests", "请求过于频繁", "Wait for Retry-After seconds."),
    "too_many_tries": Kind(
        429,
        "Too many wrong keys from this address",
        "该地址错误密钥次数过多",
        "Wait for Retry-After seconds.",
    ),
    "headers_too_large": Kind(431, "Too many or too long headers", "请求头过多或过长", "Send fewer headers."),
    "internal": Kind(500, "Something failed here", "服务器内部错误", "Tell the operator the request_id."),
    "overloaded": Kind(503, "Too busy to answer in time", "系统繁忙", "Wait for Retry-After seconds."),
    "deadline_exceeded": Kind(
        503, "Not done before the deadline", "未能在时限内完成", "Allow more time or retry."
    ),
    "not_ready": Kind(503, "Not ready", "服务未就绪", "`/health/ready` says why."),
    "store_busy": Kind(503, "Too many writes are waiting", "写入排队过多", "Wait for Retry-After seconds."),
    "store_unavailable": Kind(
        507, "Nothing can be written now", "当前无法写入", "The operator finds the reason in /health/ready."
    ),
}
"""code -> status, title, title in Chinese, way out. 503 always comes with Retry-After."""

BY_STATUS = {
    400: "invalid_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 406: "not_acceptable", 408: "request_timeout", 409: "conflict",
    413: "body_too_large", 415: "unsupported_media", 422: "invalid_value", 429: "rate_limited",
    503: "overloaded",
}  # fmt: skip

BY_ERROR: dict[type[ZhiyinError], str] = {
    StoreBusyError: "store_busy",
    StoreError: "store_unavailable",
    FilterError: "invalid_filter",
    NotFittedError: "not_ready",
    DataError: "invalid_value",
    ConfigError: "invalid_value",
}
"""Class of an error -> code; the first that fits in this order."""

FILTER_SETTINGS = {
    "length": "max_filter_chars", "depth": "max_filter_depth", "terms": "max_filter_terms",
    "values": "max_filter_values",
}  # fmt: skip
"""Limit of a filter -> the setting that it is here."""
A_LIMIT = "the limit is filter."

PLACE = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
"""How msgspec ends a message: where in the body the fault is."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raise it anywhere below the guard: it becomes the answer."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        path: str = "",
        hint: str = "",
        retry_after_s: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        kind = PROBLEMS[code]
        self.code, self.status, self.detail, self.path = code, kind.status, detail, path
        self.hint = hint or kind.hint
        self.retry_after_s = 1.0 if retry_after_s is None and kind.status == 503 else retry_after_s
        self._headers = headers or {}
        super().__init__(f"{code}: {detail or kind.title}")

    def body(self, *, request_id: str = "", locale: str = "en") -> bytes:
        kind = PROBLEMS[self.code]
        fields: dict[str, Any] = {
            "type": f"urn:zhiyin:problem:{self.code}",
            "title": kind.title_zh if locale.lower().startswith("zh") else kind.title,
            "status": self.status,
            "code": self.code,
        }
        rest = {"detail": self.detail, "path": self.path, "hint": self.hint, "request_id": request_id}
        fields |= {name: value for name, value in rest.items() if value}
        if self.retry_after_s is not None:
            fields["retry_after_s"] = round(self.retry_after_s, 3)
        return msgspec.json.encode(fields)

    def headers(self) -> dict[str, str]:
        """Those that the answer has besides the usual ones; Retry-After in whole seconds, from 1."""
        headers = {"content-type": PROBLEM_JSON, **self._headers}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == 401:
            headers["www-authenticate"] = 'Bearer realm="zhiyin"'
        return headers


def problem_of(error: BaseException, *, path: str = "$.filter") -> Problem:
    """What an exception means for the client. Whatever was not foreseen says nothing of our insides.
    `path` is the place of a filter, when the error is about one."""
    match error:
        case Problem():
            return error
        case msgspec.ValidationError():
            return _invalid(str(error))
        case msgspec.DecodeError() | UnicodeDecodeError():
            return Problem("invalid_json", shorten(str(error), 200))
        case RecursionError():
            return Problem("too_deep")
        case HTTPException():
            code = BY_STATUS.get(
                error.status_code, "internal" if error.status_code >= 500 else "invalid_request"
            )
            return Problem(code, headers=dict(error.headers or {}))
        case ClientDisconnect():
            return Problem("request_timeout", "the client went away before the body was here")
        case ZhiyinError():
            return _ours(error, path if isinstance(error, FilterError) else "")
    return Problem("internal")


def _invalid(said: str) -> Problem:
    place = PLACE.search(said)
    path = place[1] if place else "$"
    return Problem("invalid_value", shorten(said[: place.start()] if place else said, 500), path=path)


def _ours(error: ZhiyinError, path: str) -> Problem:
    code = next((code for kind, code in BY_ERROR.items() if isinstance(error, kind)), "internal")
    if code.startswith("store_") or code == "internal" or getattr(error, "file", None) is not None:
        # Names of files on this machine are for the log, not for the client.
        code = "internal" if code == "invalid_value" else code
        return Problem(code, retry_after_s=1.0 if code.startswith("store_") else None)
    if isinstance(error, FilterError) and error.hint.startswith(A_LIMIT):
        setting = FILTER_SETTINGS[error.hint.removeprefix(A_LIMIT)]
        error = FilterError(
            error.expected, text=error.text, at=error.at, hint=f"the setting {setting} allows no more"
        )
    return Problem(code, shorten(str(error), 4000), path=path)


async def _to_guard(request: Request, error: Exception) -> Response:
    """Hands Starlette's own errors (404, 405) on to the guard, which answers all problems alike."""
    raise problem_of(error)


PROBLEM_ROUTES = {HTTPException: _to_guard}
"""For `Starlette(exception_handlers=...)`."""
