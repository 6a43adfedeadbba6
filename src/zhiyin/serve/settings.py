"""Every setting of the service: what it is, what holds unless told otherwise, how far it may go."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

import msgspec
from msgspec import Meta

from zhiyin.errors import ConfigError, nearest, shorten

__all__ = ["ENV_PREFIX", "ServeSettings", "Setting"]

ENV_PREFIX = "ZHIYIN_SERVE__"


class Setting(NamedTuple):
    """One row of the table that `--help` and the documentation print."""

    name: str
    kind: str
    default: Any
    description: str


def about(text: str, *, ge: float | None = None, le: float | None = None) -> Meta:
    return Meta(description=text, ge=ge, le=le)


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One flat table: a name is the same in `[serve]` of zhiyin.toml, in ZHIYIN_SERVE__NAME and as a flag."""

    host: Annotated[str, about("Address to listen on. Loopback only, unless there is TLS.")] = "127.0.0.1"
    port: Annotated[int, about("Port; 0 takes a free one.", ge=0, le=65_535)] = 8765
    workers: Annotated[
        int, about("Processes that answer. One for each core is a good number.", ge=1, le=256)
    ] = 1
    tls_cert: Annotated[str, about("PEM file of the certificate and its chain. Empty: plain HTTP.")] = ""
    tls_key: Annotated[str, about("PEM file of the certificate's private key.")] = ""
    allow_insecure_bind: Annotated[
        bool, about("Listen on another address than loopback without TLS: something in front speaks it.")
    ] = False
    trusted_proxies: Annotated[
        list[str], about("Addresses or networks whose X-Forwarded-For is believed, such as 10.0.0.0/8.")
    ] = []
    cors_origins: Annotated[
        list[str], about("Origins of web pages that may call, such as https://shop.example. Empty: none.")
    ] = []
    open_metrics: Annotated[bool, about("/metrics without a key, for a scraper that cannot send one.")] = (
        False
    )

    allow_import: Annotated[
        list[str],
        about("Modules whose classes zhiyin.toml may name, such as my_parts."),
    ] = []
    console: Annotated[bool, about("The web console at /console, and its sign-in.")] = True
    session_hours: Annotated[float, about("Hours until a browser has to sign in again.", ge=0.01, le=720)] = (
        12.0
    )

    drain_s: Annotated[
        float, about("Seconds between `not ready` and the last accept on stopping.", ge=0, le=600)
    ] = 1.0
    grace_s: Annotated[
        float, about("Seconds that requests in flight may take on stopping.", ge=0, le=3600)
    ] = 20.0

    max_body_bytes: Annotated[int, about("Largest body of a request.", ge=1024, le=1 << 30)] = 8 << 20
    max_upload_bytes: Annotated[
        int, about("Largest file that can be sent for loading, in pieces.", ge=1024, le=1 << 40)
    ] = 512 << 20
    max_batch: Annotated[int, about("Most events, items or users in one request.", ge=1, le=100_000)] = 1000
    max_string: Annotated[int, about("Most characters of one text.", ge=16, le=1_000_000)] = 20_000
    max_id: Annotated[int, about("Most characters of an id.", ge=8, le=512)] = 512
    max_n: Annotated[int, about("Longest list that can be asked for.", ge=1, le=1000)] = 200
    max_history: Annotated[int, about("Most events of an inline history.", ge=1, le=10_000)] = 500
    max_candidates: Annotated[int, about("Most candidates that can be brought along.", ge=1, le=100_000)] = (
        1000
    )
    max_rules: Annotated[
        int,
        about("Most ids in `include` and `exclude`, in boosts, or in `what_if.remove`.", ge=1, le=100_000),
    ] = 1000
    max_filter_chars: Annotated[int, about("Most characters of a filter.", ge=16, le=1_000_000)] = 4000
    max_filter_depth: Annotated[int, about("Deepest nesting of a filter.", ge=1, le=100)] = 16
    max_filter_terms: Annotated[int, about("Most comparisons in a filter.", ge=1, le=10_000)] = 50
    max_filter_values: Annotated[int, about("Most values of all lists of a filter.", ge=1, le=100_000)] = 1000
    max_headers: Annotated[int, about("Most headers of a request.", ge=8, le=1000)] = 64
    max_header_bytes: Annotated[int, about("Largest head of a request.", ge=1024, le=1 << 20)] = 32 << 10
    max_connections: Annotated[int, about("Most open connections of one worker.", ge=8, le=100_000)] = 2000
    header_timeout_s: Annotated[float, about("Seconds in which the head must be here.", ge=0.1)] = 10.0
    body_timeout_s: Annotated[float, about("Seconds in which the body must be here.", ge=0.1)] = 30.0
    keep_alive_s: Annotated[float, about("Seconds that a connection may idle.", ge=0.1, le=3600)] = 75.0

    requests_per_s: Annotated[
        float, about("Steady requests a second of one key, in one worker. 0: no limit.", ge=0)
    ] = 1000.0
    requests_burst: Annotated[float, about("Requests of one key that may come at once.", ge=1)] = 2000.0
    anonymous_per_s: Annotated[
        float, about("Steady requests a second of one address without a key. 0: no limit.", ge=0)
    ] = 20.0
    anonymous_burst: Annotated[float, about("Requests of one address that may come at once.", ge=1)] = 100.0
    events_per_s: Annotated[float, about("Steady events a second of one key. 0: no limit.", ge=0)] = 20_000.0
    events_burst: Annotated[float, about("Events of one key that may come at once.", ge=1)] = 100_000.0
    failed_keys_per_minute: Annotated[int, about("Wrong keys an address may try.", ge=1, le=10_000)] = 10

    max_queue: Annotated[
        int, about("Most requests that wait to be computed in one worker.", ge=1, le=100_000)
    ] = 256
    max_ingest: Annotated[int, about("Most requests of events that wait for the disk.", ge=1, le=100_000)] = (
        4096
    )
    deadline_ms: Annotated[
        float, about("Milliseconds for an answer, unless the request says less.", ge=1)
    ] = 1000.0

    slate_days: Annotated[
        float, about("Days that answers are kept for pages, traces and learning.", ge=0)
    ] = 30.0
    refit_every_events: Annotated[int, about("Fit anew after so many events. 0: never.", ge=0)] = 0
    refit_every_hours: Annotated[
        float, about("Fit anew after so many hours with new events. 0: never.", ge=0)
    ] = 24.0
    tags_at_once: Annotated[
        int,
        about(
            "Items that the model of [llm] gives tags to in one round, behind answers. 0: none.",
            ge=0,
            le=1000,
        ),
    ] = 10
    tags_every_s: Annotated[float, about("Seconds between two rounds of tags.", ge=1, le=86_400)] = 30.0
    tags_locale: Annotated[
        Literal["auto", "en", "zh"], about("Language of these tags. auto: as most titles.")
    ] = "auto"
    tags_in_lists: Annotated[
        bool, about("Whether lists go by these tags too, as by those that people have given.")
    ] = False

    model_before_vectors: Annotated[
        bool, about("Whether the model of [llm] reads words that name nothing before text vectors do.")
    ] = False

    log_level: Annotated[Literal["debug", "info", "warning", "error"], about("Least that is logged.")] = (
        "info"
    )
    log_format: Annotated[
        Literal["auto", "json", "text"], about("auto: text on a terminal, else JSON lines.")
    ] = "auto"
    otlp_endpoint: Annotated[
        str, about("OTLP/HTTP address of a collector of traces, such as http://127.0.0.1:4318. Empty: none.")
    ] = ""

    @classmethod
    def read(
        cls,
        toml_table: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> ServeSettings:
        """Flags over environment over the `[serve]` table over defaults; None in flags = not given.

        All mistakes are told at once, each with the place it stands at.
        """
        given: dict[str, Any] = {}
        faults: list[str] = []
        hints = get_type_hints(cls, include_extras=True)
        for name, value, place in _places(toml_table or {}, env or {}, flags or {}):
            if name not in hints:
                faults.append(f"{place}: there is no such setting. {nearest(name, hints)}")
                continue
            try:
                given[name] = _converted(value, hints[name])
            except msgspec.ValidationError as error:
                said = str(error)[:1].lower() + str(error)[1:]
                faults.append(f"{place}: {said}, the value is {shorten(repr(value))}")
        if faults:
            raise ConfigError("\n".join(faults))
        return cls(**given)

    @classmethod
    def of_project(cls, project: Path, flags: Mapping[str, Any] | None = None) -> ServeSettings:
        """Flags over environment over `[serve]` of zhiyin.toml over defaults."""
        config, table = project / "zhiyin.toml", {}
        if os.path.lexists(config):  # a folder of that name is a mistake, not the default
            try:
                table = tomllib.loads(config.read_text("utf-8-sig")).get("serve", {})
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
                raise ConfigError(f"{config}: this is not TOML: {error}") from error
            except OSError as error:
                raise ConfigError(f"{config}: expected a readable TOML file: {error}") from error
        return cls.read(table, dict(os.environ), flags)

    @classmethod
    def table(cls) -> list[Setting]:
        """All settings in their order, for documents and `--help`."""
        hints = get_type_hints(cls, include_extras=True)
        defaults = cls()
        rows = []
        for name in cls.__struct_fields__:
            kind, meta = get_args(hints[name])
            rows.append(Setting(name, _kind(kind), getattr(defaults, name), meta.description))
        return rows

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host.strip("[]").partition("%")[0]).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    def check(self) -> None:
        """Refuses what could harm: an open address without TLS, half a certificate, a proxy of no address."""
        if bool(self.tls_cert) != bool(self.tls_key):
            missing = "tls_key" if self.tls_cert else "tls_cert"
            raise ConfigError(
                f"serve.{missing}: TLS needs both tls_cert and tls_key; name the other file too"
            )
        if not (self.loopback or self.tls_cert or self.allow_insecure_bind):
            raise ConfigError(
                f"serve.host: {self.host!r} can be reached from other machines, and keys would cross the"
                " network in the clear. Give tls_cert and tls_key, or keep 127.0.0.1 behind a proxy with TLS,"
                " or say allow_insecure_bind = true (--allow-insecure-bind) if something in front does"
            )
        self.proxies()
        for origin in self.cors_origins:
            if origin.rstrip("/") != origin or "://" not in origin:
                raise ConfigError(
                    f"serve.cors_origins: expected such as https://shop.example, got {origin!r}"
                )
        if self.tls_cert:
            self.tls()

    def proxies(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        try:
            return [ipaddress.ip_network(network, strict=False) for network in self.trusted_proxies]
        except ValueError as error:
            raise ConfigError(
                f"serve.trusted_proxies: expected addresses such as 10.0.0.0/8: {error}"
            ) from error

    def tls(self) -> ssl.SSLContext | None:
        """The context of the certificate (TLS 1.2 or newer), or None for plain HTTP."""
        if not self.tls_cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(Path(self.tls_cert), Path(self.tls_key))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"serve.tls_cert: expected readable PEM files of a certificate and its key, got"
                f" {self.tls_cert!r} and {self.tls_key!r}: {error}"
            ) from error
        return context


def _places(
    table: Mapping[str, Any], env: Mapping[str, str], flags: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """(setting, value, where it stands), the weakest first."""
    for name, value in table.items():
        yield name, value, f"serve.{name}"
    for name, value in env.items():
        if name.startswith(ENV_PREFIX):
            yield name.removeprefix(ENV_PREFIX).lower(), value, name
    for name, value in flags.items():
        if value is not None:
            yield name, value, f"--{name.replace('_', '-')}"


def _converted(value: Any, hint: Any) -> Any:
    """Words of the environment become numbers, yes or no, or a list split at commas."""
    if isinstance(value, str) and get_args(hint)[0] == list[str]:
        value = [part.strip() for part in value.split(",") if part.strip()]
    return msgspec.convert(value, hint, strict=not isinstance(value, str))


def _kind(kind: Any) -> str:
    if choices := get_args(kind):
        return "list" if kind == list[str] else " | ".join(map(str, choices))
    return str(kind.__name__)
