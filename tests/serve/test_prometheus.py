"""The rules of `ops/` in Prometheus itself: each alert fires for what it is for, none while all is well."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from service import PATIENCE_S, copied, die_with_parent, eventually, serving

ROOT = Path(__file__).parents[2]
RULES = ROOT / "ops/prometheus/alerts.yml"
BOARD = ROOT / "ops/grafana/zhiyin.json"

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("promtool") and shutil.which("prometheus")),
        reason="needs promtool and prometheus (Debian: apt-get install prometheus)",
    ),
]

LOOK, MINUTES = 380, 390
"""Of each series, a sample a minute; the longest window of the rules is six hours."""
DONE = 'zhiyin_http_request_duration_seconds_count{route="/v1/recommend",method="POST",code="200"}'
FAILED = 'zhiyin_http_request_duration_seconds_count{route="/v1/recommend",method="POST",code="500"}'


def slow(name: str, labels: str = "") -> dict[str, str]:
    """A histogram of which nothing is faster than 2.5 s."""
    return {
        f'{name}_bucket{{{labels}le="{edge}"}}': f"0+{0 if edge == '1.0' else 60}x{MINUTES}"
        for edge in ("1.0", "2.5", "5.0", "+Inf")
    }


WELL = {
    'up{job="zhiyin"}': f"1x{MINUTES}",
    DONE: f"0+600x{MINUTES}",
    FAILED: f"0x{MINUTES}",
    'zhiyin_admission_rejected_total{class="recommend"}': f"0x{MINUTES}",
    'zhiyin_admission_rejected_total{class="ingest"}': f"0x{MINUTES}",
    "zhiyin_store_writable": f"1x{MINUTES}",
    "zhiyin_store_disk_free_bytes": f"50000000000-1000x{MINUTES}",
    'zhiyin_recommend_degraded_total{reason="deadline"}': f"0x{MINUTES}",
    "zhiyin_recommend_empty_total": f"0x{MINUTES}",
    "zhiyin_artefact_age_seconds": f"0+60x{MINUTES}",
    'zhiyin_artefact_swap_total{result="refused"}': f"0x{MINUTES}",
    'zhiyin_artefact_swap_total{result="ok"}': f"0+1x{MINUTES}",
    'zhiyin_refit_total{result="failed"}': f"0x{MINUTES}",
    'zhiyin_auth_failures_total{reason="missing"}': f"0+600x{MINUTES}",
    'zhiyin_auth_failures_total{reason="unknown"}': f"0x{MINUTES}",
    "zhiyin_workers": f"2x{MINUTES}",
    'zhiyin_worker_resident_memory_bytes{worker="0"}': f"1400000000x{MINUTES}",
    **{
        f'{name}{{{labels}le="{edge}"}}': f"0+60x{MINUTES}"
        for name, labels in {
            "zhiyin_http_request_duration_seconds_bucket": 'route="/v1/recommend",',
            "zhiyin_event_log_commit_seconds_bucket": "",
            "zhiyin_item_to_recommendable_seconds_bucket": "",
        }.items()
        for edge in ("0.01", "1.0", "+Inf")
    },
}

ILL: dict[str, dict[str, str]] = {
    "ZhiyinDown": {'up{job="zhiyin"}': f"0x{MINUTES}"},
    "ZhiyinErrorsBurnFast": {FAILED: f"0+12x{MINUTES}"},  # 2 %
    "ZhiyinErrorsBurnSlow": {FAILED: f"0+5x{MINUTES}"},  # .8 %
    "ZhiyinRecommendSlow": slow("zhiyin_http_request_duration_seconds", 'route="/v1/recommend",'),
    "ZhiyinOverloaded": {'zhiyin_admission_rejected_total{class="recommend"}': f"0+120x{MINUTES}"},
    "ZhiyinIngestRefused": {'zhiyin_admission_rejected_total{class="ingest"}': f"0+1x{MINUTES}"},
    "ZhiyinStoreNotWritable": {"zhiyin_store_writable": f"0x{MINUTES}"},
    "ZhiyinCommitSlow": slow("zhiyin_event_log_commit_seconds"),
    "ZhiyinDiskLow": {"zhiyin_store_disk_free_bytes": f"50000000000-50000000x{MINUTES}"},
    "ZhiyinFreshnessLag": slow("zhiyin_item_to_recommendable_seconds"),
    "ZhiyinDegraded": {'zhiyin_recommend_degraded_total{reason="deadline"}': f"0+60x{MINUTES}"},
    "ZhiyinEmptyAnswers": {"zhiyin_recommend_empty_total": f"0+30x{MINUTES}"},
    "ZhiyinArtefactStale": {"zhiyin_artefact_age_seconds": f"700000+60x{MINUTES}"},
    "ZhiyinArtefactRefused": {'zhiyin_refit_total{result="failed"}': f"0x{LOOK - 20} 1x{MINUTES}"},
    "ZhiyinWrongKeys": {'zhiyin_auth_failures_total{reason="unknown"}': f"0+120x{MINUTES}"},
    "ZhiyinWorkerMissing": {"zhiyin_workers": f"2x{LOOK - 20} 1x{MINUTES}"},
    "ZhiyinMemoryGrows": {'zhiyin_worker_resident_memory_bytes{worker="0"}': f"2100000000x{MINUTES}"},
}
"""Alert -> the series that are other than in `WELL` when it is due."""
TOGETHER = {"ZhiyinErrorsBurnFast": {"ZhiyinErrorsBurnSlow"}, "ZhiyinIngestRefused": set()}
"""Others that rightly fire with it."""


def firing(series: dict[str, str], expected: set[str], rules: Path, folder: Path) -> str:
    """What promtool says of these series at that minute; empty when just the expected alerts fire."""
    asked = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{LOOK}m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(expected)
                        ],
                    }
                ],
            }
        ],
    }
    file = folder / "asked.yml"
    file.write_text(json.dumps(asked), "utf-8")
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    assert firing(WELL, set(), RULES, tmp_path) == ""


def test_every_alert_has_its_fault() -> None:
    assert set(re.findall(r"alert: (\w+)", RULES.read_text("utf-8"))) == set(ILL)


@pytest.mark.parametrize("alert", ILL)
def test_the_alert_fires_for_its_fault_and_no_other_does(alert: str, tmp_path: Path) -> None:
    series = {name: values for name, values in WELL.items() if name.partition("{")[0] not in replaced(alert)}
    assert firing({**series, **ILL[alert]}, {alert} | TOGETHER.get(alert, set()), RULES, tmp_path) == ""


def replaced(alert: str) -> set[str]:
    """Names of histograms that the fault writes anew, edge by edge."""
    return {name.partition("{")[0] for name in ILL[alert] if "_bucket" in name}


def test_a_rule_that_asks_for_another_name_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(RULES.read_text("utf-8").replace("zhiyin_store_writable", "zhiyin_writable"), "utf-8")
    series = {**WELL, **ILL["ZhiyinStoreNotWritable"]}
    assert "ZhiyinStoreNotWritable" in firing(series, {"ZhiyinStoreNotWritable"}, wrong, tmp_path)


@contextmanager
def prometheus(folder: Path, target: str, key: str) -> Iterator[httpx.Client]:
    """A Prometheus on loopback that reads the service every half second, with the rules of `ops/`."""
    (folder / "key").write_text(key, "utf-8")
    scraped = {
        "job_name": "zhiyin",
        "metrics_path": "/metrics",
        "authorization": {"credentials_file": str(folder / "key")},
        "static_configs": [{"targets": [target]}],
    }
    config = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [scraped],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=PATIENCE_S) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def value(client: httpx.Client, expression: str) -> list[float]:
    """Values of an expression now; raises on one that Prometheus cannot read."""
    answer: dict[str, Any] = client.get("/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    return [float(found["value"][1]) for found in answer["data"]["result"]]


def test_prometheus_reads_the_live_service_and_can_ask_all_that_the_dashboard_asks(
    template: tuple[Path, str], tmp_path: Path
) -> None:
    project, key = copied(template[0], tmp_path / "project"), template[1]
    with serving(project, key) as service, prometheus(tmp_path, f"127.0.0.1:{service.port}", key) as client:

        def up() -> bool:
            try:
                return value(client, 'up{job="zhiyin"}') == [1.0]
            except (httpx.TransportError, ValueError):  # while it starts, it answers in words
                return False

        assert eventually(up), (tmp_path / "prometheus.log").read_text()
        before = sum(value(client, "sum(zhiyin_http_request_duration_seconds_count)"))
        for _ in range(20):
            service.recommend("u0")
        asked = 'zhiyin_http_request_duration_seconds_count{route="/v1/recommend",code="200"}'
        assert eventually(lambda: sum(value(client, asked)) >= 20), before
        rules = client.get("/rules").json()["data"]["groups"][0]["rules"]
        assert len(rules) == len(ILL)
        assert eventually(
            lambda: all(
                r["health"] == "ok" for r in client.get("/rules").json()["data"]["groups"][0]["rules"]
            )
        )
        board = json.loads(BOARD.read_text("utf-8"))
        expressions = [
            target["expr"].replace("$__rate_interval", "10s")
            for panel in board["panels"]
            for target in panel.get("targets", [])
        ]
        assert len(expressions) > 20
        told = [expression for expression in expressions if value(client, expression)]
        assert len(told) > len(expressions) // 2, set(expressions) - set(told)
        service.terminate()
        assert eventually(lambda: value(client, 'up{job="zhiyin"}') == [0.0])
        assert eventually(lambda: value(client, 'ALERTS{alertname="ZhiyinDown"}') == [1.0])
