"""Every setting of the product, typed, read once from the environment.

A wrong value ends the start with one sentence that names the variable; see docs/configuration.md.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1)]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One field for each environment variable, named in lower case."""

    database_url: str = ""
    redis_url: str = ""
    secret_key: str = ""
    base_url: Annotated[str, Meta(pattern=r"^(https?://[^/\s]+/?)?$")] = ""
    host: str = "127.0.0.1"
    port: Port = 8000
    allowed_hosts: str = ""
    debug: bool = False
    https: bool = False
    country_header: str = ""
    country_ranges: str = ""
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    web_threads: Positive = 4
    ingest_events_per_second: Positive = 100_000
    ingest_requests_per_second: Positive = 5_000
    default_retention_days: Annotated[int, Meta(ge=0)] = 0
    signal_days: Annotated[int, Meta(ge=8)] = 45
    segments_url: str = ""
    segment_cache_mb: Positive = 10_000
    exports_url: str = ""
    hot_days: Annotated[int, Meta(ge=1)] = 35
    analytics_engine: Literal["duckdb", "spark", "clickhouse"] = "duckdb"
    analytics_memory_mb: Annotated[int, Meta(ge=128)] = 1_000
    analytics_seconds: Positive = 20
    analytics_fresh_seconds: Annotated[int, Meta(ge=0)] = 3
    spark_url: str = "local[2]"
    email_url: Annotated[str, Meta(pattern=r"^(file:|console:|smtp(\+tls)?://\S+)$")] = "file:"
    email_from: str = "Growth Platform <growth@localhost>"
    sign_up: Literal["open", "invited"] = "open"
    staff_email: str = ""
    apple_ads_url: Annotated[str, Meta(pattern=r"^https?://\S+$")] = "https://api-adservices.apple.com/api/v1/"
    outbound_private_networks: Annotated[str, Meta(pattern=r"^([0-9a-fA-F.:]+/\d+(,|$))*$")] = ""
    log_format: Literal["text", "json"] = "text"


class WrongSetting(SystemExit):
    """Raised at start for an environment variable that can't be read."""


def read(environment: Mapping[str, str]) -> Config:
    """Read the settings from `environment`.

    Raises WrongSetting with a sentence naming the variable and what is wrong with it.
    """
    values = {name: environment[name.upper()] for name in Config.__struct_fields__ if environment.get(name.upper())}
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, Config, strict=False)
        except msgspec.ValidationError as wrong:
            reason = str(wrong).split(" - at ")[0]
            message = f"{name.upper()}={value!r} can't be used: {reason}. See docs/configuration.md."
            raise WrongSetting(message) from None
    return msgspec.convert(values, Config, strict=False)


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks with commas between. Raises WrongSetting for one that isn't, such as 10.0.0.1/8."""
    try:
        return tuple(ip_network(one) for one in text.split(",") if one)
    except ValueError as wrong:
        raise WrongSetting(
            f"OUTBOUND_PRIVATE_NETWORKS={text!r} can't be used: {wrong}. See docs/configuration.md."
        ) from None


config = read(os.environ)
