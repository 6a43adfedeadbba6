"""Files for operators: they name settings that exist and leave enough time to stop."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from zhiyin.serve.settings import ENV_PREFIX, ServeSettings

OPS = Path(__file__).parents[2] / "ops"


def test_every_setting_that_is_named_exists() -> None:
    named = {
        (file.name, name.lower())
        for file in OPS.rglob("*")
        if file.is_file()
        for name in re.findall(rf"{ENV_PREFIX}(\w+)", file.read_text("utf-8"))
    }
    assert len(named) > 3
    assert [pair for pair in sorted(named) if pair[1] not in ServeSettings.__struct_fields__] == []


def test_systemd_waits_longer_than_a_stop_takes_and_tells_only_the_parent() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(OPS / "zhiyin.service", encoding="utf-8")
    service, settings = unit["Service"], ServeSettings()
    assert float(service["TimeoutStopSec"]) > settings.drain_s + settings.grace_s + 15
    assert service["KillMode"] == "mixed" and service["Type"] == "notify"
    assert service["NoNewPrivileges"] == "true" and service["ProtectSystem"] == "strict"


def test_the_container_does_not_run_as_root_and_is_asked_whether_it_lives() -> None:
    said = (OPS / "Containerfile").read_text("utf-8")
    users = re.findall(r"^USER (\S+)", said, re.MULTILINE)
    assert users and users[-1] not in ("0", "root")
    assert "HEALTHCHECK" in said and "/health/live" in said and "STOPSIGNAL SIGTERM" in said
