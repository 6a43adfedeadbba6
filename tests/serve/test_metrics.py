"""Metrics: what is counted is on the page, sums over processes, and is what alerts and dashboards ask for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from zhiyin.serve.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics, forget_process, prepare_folder

ROOT = Path(__file__).parents[2]


def used(metrics: Metrics) -> Metrics:
    """Every verb once."""
    metrics.request_started()
    metrics.request_done(route="/v1/items/{id}", method="GET", status=200, seconds=0.004)
    metrics.auth_failed("unknown")
    metrics.rate_limited("key")
    metrics.admission_rejected("recommend")
    metrics.queue_length(2)
    metrics.stage("retrieve", 0.001)
    metrics.degraded("explain")
    metrics.empty()
    metrics.fell_back("popular")
    metrics.ingested("click", "accepted", 100)
    metrics.committed(0.002)
    metrics.event_counted(0.1)
    metrics.item_recommendable(0.2)
    metrics.store_state(rows={"events": 5}, last_seq=5, writable=True, free_bytes=10)
    metrics.erased()
    metrics.serving("a", fitted_at=50.0)
    metrics.serving("b", fitted_at=60.0)
    metrics.swapped("ok")
    metrics.refitted("ok")
    metrics.ready(True)
    metrics.process_state(worker=0, at=100.0)
    return metrics


def samples(page: bytes) -> dict[str, float]:
    """`name{labels}` -> value."""
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_every_metric_that_is_named_is_counted_somewhere() -> None:
    names = {name.partition("{")[0] for name in samples(used(Metrics(version="1")).page())}
    for name in COUNTERS:
        assert f"zhiyin_{name}_total" in names
    for name in HISTOGRAMS:
        assert f"zhiyin_{name}_count" in names
    for name in GAUGES:
        assert f"zhiyin_{name}" in names


def test_values_are_what_was_counted() -> None:
    found = samples(used(Metrics(version="1")).page())
    assert found["zhiyin_http_request_duration_seconds_count{code=200,method=GET,route=/v1/items/{id}}"] == 1
    assert found["zhiyin_http_requests_in_flight"] == 0
    assert found["zhiyin_events_ingested_total{kind=click,result=accepted}"] == 100
    assert found["zhiyin_artefact_info{version=a}"] == 0 and found["zhiyin_artefact_info{version=b}"] == 1
    assert found["zhiyin_artefact_age_seconds"] == 40
    assert found["zhiyin_worker_resident_memory_bytes{worker=0}"] > 1e6
    assert found["zhiyin_build_info{version=1}"] == 1


PROCESS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
os.environ["PROMETHEUS_MULTIPROC_DIR"] = {folder!r}
from zhiyin.serve.metrics import Metrics
metrics = Metrics(folder=Path({folder!r}))
metrics.ingested("click", "accepted", 3)
metrics.request_done(route="/x", method="GET", status=200, seconds=0.1)
metrics.ready(True)
metrics.store_state(rows={{}}, last_seq=1, writable={writable})
print(os.getpid(), flush=True)
print(metrics.page().decode()) if {show} else None
sys.stdin.read()
"""


def test_processes_are_summed_and_a_dead_one_leaves_its_counts_but_not_its_state(tmp_path: Path) -> None:
    def start(*, writable: bool, show: bool) -> subprocess.Popen[str]:
        code = PROCESS.format(here="", folder=str(tmp_path), writable=writable, show=show)
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    (tmp_path / "counter_77.db").write_bytes(b"from a run before")
    prepare_folder(tmp_path)
    first = start(writable=False, show=False)
    assert first.stdout is not None
    pid = int(first.stdout.readline())
    both = samples(start(writable=True, show=True).communicate()[0].partition("\n")[2].encode())
    assert both["zhiyin_events_ingested_total{kind=click,result=accepted}"] == 6
    assert both["zhiyin_http_request_duration_seconds_count{code=200,method=GET,route=/x}"] == 2
    assert (both["zhiyin_workers"], both["zhiyin_store_writable"]) == (2, 0)
    first.communicate()
    for file in tmp_path.glob("gauge_live*"):
        forget_process(tmp_path, int(re.findall(r"_(\d+)\.db", file.name)[0]))
    assert not list(tmp_path.glob(f"gauge_live*_{pid}.db"))
    third = samples(start(writable=True, show=True).communicate()[0].partition("\n")[2].encode())
    assert third["zhiyin_events_ingested_total{kind=click,result=accepted}"] == 9
    assert (third["zhiyin_workers"], third["zhiyin_store_writable"]) == (1, 1)


# -- what asks for them ----------------------------------------------------------------------------------


def asked() -> dict[str, str]:
    """Expression -> where it stands, of alert rules and dashboard."""
    found = {}
    rules = (ROOT / "ops/prometheus/alerts.yml").read_text("utf-8")
    for number, line in enumerate(rules.splitlines(), start=1):
        if "expr:" in line:
            found[line] = f"alerts.yml:{number}"
    board = json.loads((ROOT / "ops/grafana/zhiyin.json").read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            found[target["expr"]] = panel["title"]
    return found


def missing(page: bytes) -> list[str]:
    """Names that alerts or dashboard ask for and the page has not, with the place."""
    there = {name.partition("{")[0] for name in samples(page)}
    return [
        f"{place}: {name}"
        for expression, place in asked().items()
        for name in re.findall(r"\bzhiyin_\w+", expression)
        if name not in there
    ]


def test_alerts_and_dashboard_ask_only_for_what_there_is() -> None:
    assert len(asked()) > 20
    assert missing(used(Metrics(version="1")).page()) == []


@pytest.mark.parametrize("name", ["zhiyin_events_ingested_total", "zhiyin_store_writable"])
def test_a_renamed_metric_is_noticed(name: str) -> None:
    page = used(Metrics(version="1")).page().replace(name.removesuffix("_total").encode(), b"zhiyin_other")
    assert any(name in complaint for complaint in missing(page))


def test_labels_that_are_asked_for_exist() -> None:
    known = {
        label
        for families in (COUNTERS, HISTOGRAMS, GAUGES)
        for family in families.values()
        for label in family.labels
    }
    known |= {"le", "instance", "job"}
    for expression, place in asked().items():
        for label in re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression):
            assert label in known, f"{place}: {label}"
        for group in re.findall(r"\bby\s*\(([^)]*)\)", expression):
            for label in filter(None, map(str.strip, group.split(","))):
                assert label in known, f"{place}: {label}"


def test_multiprocess_values_do_not_leak_into_this_process() -> None:
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
