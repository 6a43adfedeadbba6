"""Settings: who overrides whom, mistakes told with their place, nothing open by accident."""

from __future__ import annotations

import pytest

from zhiyin.errors import ConfigError
from zhiyin.serve.settings import ServeSettings


def test_flags_win_over_environment_over_table_over_defaults() -> None:
    table = {"port": 1, "workers": 2, "host": "127.0.0.9", "drain_s": 3}
    env = {"ZHIYIN_SERVE__PORT": "4", "ZHIYIN_SERVE__WORKERS": "5", "ZHIYIN_OTHER": "x", "PATH": "/bin"}
    settings = ServeSettings.read(table, env, {"port": 6, "workers": None})
    assert (settings.port, settings.workers, settings.host, settings.drain_s) == (6, 5, "127.0.0.9", 3.0)
    assert settings.grace_s == ServeSettings().grace_s


def test_words_of_the_environment_become_values() -> None:
    env = {
        "ZHIYIN_SERVE__CORS_ORIGINS": "https://a.example, https://b.example",
        "ZHIYIN_SERVE__ALLOW_INSECURE_BIND": "true",
        "ZHIYIN_SERVE__DRAIN_S": "0.5",
        "ZHIYIN_SERVE__LOG_LEVEL": "debug",
    }
    settings = ServeSettings.read(env=env)
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert (settings.allow_insecure_bind, settings.drain_s, settings.log_level) == (True, 0.5, "debug")


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    with pytest.raises(ConfigError) as told:
        ServeSettings.read(
            {"prot": 1, "workers": 0, "open_metrics": "yes"},
            {"ZHIYIN_SERVE__LOG_LEVEL": "loud", "ZHIYIN_SERVE__HOTS": "x"},
            {"drain_s": -1},
        )
    said = str(told.value)
    for word in (
        "serve.prot",
        "'port'",
        "serve.workers",
        "serve.open_metrics",
        "LOG_LEVEL",
        "'host'",
        "--drain-s",
    ):
        assert word in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example", ""])
def test_an_open_address_needs_tls_or_a_word(host: str) -> None:
    with pytest.raises(ConfigError, match="allow-insecure-bind"):
        ServeSettings(host=host).check()
    ServeSettings(host=host, allow_insecure_bind=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    ServeSettings(host=host).check()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"tls_cert": "a.pem"}, "tls_key"),
        ({"tls_key": "a.pem"}, "tls_cert"),
        ({"tls_cert": "no-such.pem", "tls_key": "no-such.pem"}, "no-such.pem"),
        ({"trusted_proxies": ["10.0.0.0/99"]}, "10.0.0.0/99"),
        ({"cors_origins": ["*"]}, "https://shop.example"),
        ({"cors_origins": ["https://a.example/"]}, "https://a.example/"),
    ],
)
def test_what_cannot_hold_is_refused_with_the_way_out(given: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word.replace(".", r"\.")):
        ServeSettings.read(given).check()


def test_every_setting_is_described_and_its_default_is_valid() -> None:
    rows = ServeSettings.table()
    assert [row.name for row in rows] == list(ServeSettings.__struct_fields__)
    assert all(len(row.description) > 10 and row.description.endswith(".") for row in rows)
    assert ServeSettings.read({row.name: row.default for row in rows}) == ServeSettings()
