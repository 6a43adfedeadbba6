"""Spans of OpenTelemetry, when a collector is named and the extra is installed; else nothing, at no cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from zhiyin.errors import MissingExtraError

__all__ = ["NoTracing", "Tracing", "tracing_to"]


class Tracing(Protocol):
    """Spans of one process."""

    def request(self, name: str, traceparent: str) -> AbstractContextManager[None]:
        """Around a whole request; continues the caller's trace if there is a traceparent."""
        ...

    def span(self, name: str, **attributes: str | int | float) -> AbstractContextManager[None]:
        """Around a stage: recommend, retrieve, rank, explain, ingest. No ids of anybody as attributes."""
        ...

    def close(self) -> None: ...


class NoTracing:
    """Does nothing."""

    _nothing = nullcontext()

    def request(self, name: str, traceparent: str) -> AbstractContextManager[None]:
        return self._nothing

    def span(self, name: str, **attributes: str | int | float) -> AbstractContextManager[None]:
        return self._nothing

    def close(self) -> None:
        return None


class _OtlpTracing:
    def __init__(self, provider: Any, read: Callable[[Mapping[str, str]], Any]) -> None:
        self.provider, self.read = provider, read
        self.tracer = provider.get_tracer("zhiyin")

    @contextmanager
    def request(self, name: str, traceparent: str) -> Iterator[None]:
        before = self.read({"traceparent": traceparent}) if traceparent else None
        with self.tracer.start_as_current_span(name, context=before):
            yield

    @contextmanager
    def span(self, name: str, **attributes: str | int | float) -> Iterator[None]:
        with self.tracer.start_as_current_span(name, attributes=attributes):
            yield

    def close(self) -> None:
        self.provider.shutdown()


def tracing_to(endpoint: str, *, version: str = "", exporter: Any = None) -> Tracing:
    """Spans sent behind the requests in batches to `endpoint` (OTLP over HTTP); nothing when it is empty.

    `exporter` takes them instead, in tests.
    """
    if not endpoint and exporter is None:
        return NoTracing()
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise MissingExtraError("opentelemetry", extra="otel") from None
    provider = TracerProvider(resource=Resource({"service.name": "zhiyin", "service.version": version}))
    if exporter is None:
        address = f"{endpoint.rstrip('/')}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    else:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    return _OtlpTracing(provider, lambda carrier: TraceContextTextMapPropagator().extract(carrier))
