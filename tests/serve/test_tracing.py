"""Spans: none without an endpoint; else stages hang under the request and the request under its caller."""

from __future__ import annotations

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from zhiyin.serve.tracing import NoTracing, tracing_to


def test_without_an_endpoint_nothing_is_traced() -> None:
    tracing = tracing_to("")
    assert isinstance(tracing, NoTracing)
    with tracing.request("recommend", ""), tracing.span("rank", n=3), tracing.span("explain"):
        pass
    tracing.close()


def test_stages_hang_under_the_request_and_the_request_under_its_caller() -> None:
    kept = InMemorySpanExporter()
    tracing = tracing_to("", exporter=kept)
    with tracing.request("recommend", "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"), tracing.span("rank", n=3):
        pass
    rank, request = kept.get_finished_spans()
    assert (rank.name, request.name) == ("rank", "recommend")
    assert rank.attributes is not None and rank.attributes["n"] == 3
    assert rank.parent is not None and rank.parent.span_id == request.context.span_id
    assert request.parent is not None and request.parent.span_id == int("cd" * 8, 16)
    assert request.context.trace_id == int("ab" * 16, 16)
    tracing.close()


def test_a_request_without_a_caller_begins_a_trace() -> None:
    kept = InMemorySpanExporter()
    tracing = tracing_to("", exporter=kept)
    with tracing.request("ingest", ""):
        pass
    assert kept.get_finished_spans()[0].parent is None
    tracing.close()
