"""Typed configuration of a hub: ``lienthong.yaml`` plus ``LIENTHONG_*`` variables."""

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Settings(BaseModel):
    """Base of all configuration models: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Settings):
    """How to reach the broker.

    Attributes:
        bootstrap_servers: ``host:port`` pairs, separated by commas.
        security: TLS and SASL settings by librdkafka's names, such as ``security.protocol``; passed through.
        session_timeout_ms: How long a silent worker keeps its partitions.
        delivery_timeout_ms: How long an unacknowledged write is retried before it fails.
        group_protocol: ``classic`` (default) or ``consumer`` (KIP-848).
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    security: dict[str, SecretStr] = Field(default_factory=dict)
    session_timeout_ms: int = Field(default=6_000, ge=1_000)
    delivery_timeout_ms: int = Field(default=120_000, ge=1_000)
    group_protocol: Literal["classic", "consumer"] = "classic"


class LedgerSettings(Settings):
    """Where the projection of receipts lives.

    Attributes:
        url: SQLAlchemy URL; SQLite for one machine, PostgreSQL for production.
    """

    url: SecretStr = SecretStr("sqlite:///.lienthong/ledger.sqlite3")


class PublisherSettings(Settings):
    """One system that may publish.

    Attributes:
        sources: CloudEvents ``source`` values that belong to it.
        domains: Domains that it may publish.
        bulk: Whether it may publish back-fill, which gives way to live records.
        return_urls: Where citizens may be sent back to after a sign-in, each whole and exact; empty for no sign-ins.
    """

    sources: tuple[str, ...]
    domains: tuple[str, ...]
    bulk: bool = False
    return_urls: tuple[str, ...] = ()

    @field_validator("return_urls")
    @classmethod
    def _check_return_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            check_browser_url(url)
        return urls


def check_browser_url(url: str) -> None:
    """Check that browsers may be sent to a URL.

    Args:
        url: Absolute.

    Raises:
        ValueError: If it is not https (on this machine: http), or has a user name or a fragment.
    """
    parts = urlsplit(url)
    is_own = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or is_own) or parts.fragment or "@" in parts.netloc:
        raise ValueError("write an absolute https:// URL without user name and fragment")


class SignInSettings(Settings):
    """Sign-in of citizens, so that accounts of provincial systems are linked to a national one.

    Attributes:
        provider: Identity platform, configured under ``connectors.<provider>``; empty for no sign-ins.
        public_url: Where browsers reach the gateway; the platform sends them back to
            ``<public_url>/v1/sign-ins/callback``.
        system: System under ``gateway.publishers`` that the hub itself writes links as; nobody else may have its
            tokens.
        legal_basis: The law that allows it, for the access log.
        actor: Named automatic account under which the holders of the accounts are checked; the population database
            must know it.
        minimum_level: Lowest level of an account at the platform that counts.
        start_seconds: How long a citizen may take from a system's page to the platform's.
        answer_seconds: How long a citizen may take at the platform.
        result_seconds: How long a system may take to fetch the result.
    """

    provider: str = ""
    public_url: str = ""
    system: str = ""
    legal_basis: str = ""
    actor: str = "automatic"
    minimum_level: int = Field(default=2, ge=1, le=4)
    start_seconds: int = Field(default=120, ge=1, le=600)
    answer_seconds: int = Field(default=600, ge=1, le=3_600)
    result_seconds: int = Field(default=120, ge=1, le=600)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.provider:
            missing = [name for name in ("public_url", "system", "legal_basis") if not getattr(self, name)]
            if missing:
                raise ValueError(f"a sign-in needs {', '.join(missing)} too")
            check_browser_url(self.public_url)
        return self


class CounterSettings(Settings):
    """One kind of question that officials may ask while a citizen waits.

    Attributes:
        purposes: Purpose that a question may have → its legal basis, which the access log names.
        max_at_once: Questions under way at once; more are told to come back later.
    """

    purposes: dict[str, str] = Field(min_length=1)
    max_at_once: int = Field(default=50, ge=1)


class WebhookSettings(Settings):
    """One platform that pushes messages to ``/v1/webhooks/NAME``.

    Attributes:
        scheme: How it proves who it is: ``standard-webhooks`` (HMAC over id, time and body) or ``shared-secret`` (a
            secret in a header, for platforms that cannot sign).
        secrets: The present one, and the next one while it is replaced; both are valid.
        header: Where the shared secret stands.
        mapping: Name of the mapping that makes events of its messages.
        sources: CloudEvents ``source`` values that these events may have.
        topic: Where they go, in catalogue form.
        window_seconds: How old a signed message may be, and how far ahead its clock.
        max_bytes: Largest message.
    """

    scheme: Literal["standard-webhooks", "shared-secret"] = "standard-webhooks"
    secrets: tuple[SecretStr, ...] = Field(min_length=1, max_length=2)
    header: str = Field(default="x-webhook-secret", min_length=1)
    mapping: str
    sources: tuple[str, ...] = Field(min_length=1)
    topic: str
    window_seconds: int = Field(default=300, ge=1, le=3_600)
    max_bytes: int = Field(default=1_048_576, ge=1_024)


class GatewaySettings(Settings):
    """The HTTP front door.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        issuer: URL of the OAuth 2.0 issuer whose tokens are accepted.
        audience: Value that a token's ``aud`` must have.
        jwks_file: JSON Web Key Set of the issuer, when it is not fetched from it.
        max_event_bytes: Largest single event.
        max_batch_bytes: Largest batch body; bulk streams are not limited.
        bulk_in_flight: Lines of one bulk stream that wait for Kafka at once; their bytes are bounded by
            ``max_batch_bytes``.
        max_bulk_streams: Bulk streams at once; more are told to come back later.
        max_waiting_requests: Requests that wait for Kafka at once; more are told to come back later.
        acknowledge_timeout_seconds: After it, a publisher is told that Kafka is away.
        remembered_events: Newest accepted events whose body is compared when their id comes again.
        publishers: System id (the token's ``client_id``) → what it may publish.
        webhooks: Name in the path → a platform that pushes.
        officer_claim: Claim of a token that names the official by an opaque id; it must not be a personal ID.
        lookups: Connector that officials may ask at the counter → for what.
        max_lookup_seconds: Longest time that an official waits, whatever deadline the request names.
        sign_in: Sign-in of citizens.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    issuer: str = "http://127.0.0.1:8081"
    audience: str = "lienthong"
    jwks_file: Path | None = None
    max_event_bytes: int = Field(default=1_048_576, ge=1_024)
    max_batch_bytes: int = Field(default=8_388_608, ge=1_024)
    bulk_in_flight: int = Field(default=5_000, ge=1)
    max_bulk_streams: int = Field(default=8, ge=1)
    max_waiting_requests: int = Field(default=1_000, ge=1)
    acknowledge_timeout_seconds: int = Field(default=15, ge=1)
    remembered_events: int = Field(default=100_000, ge=0)
    publishers: dict[str, PublisherSettings] = Field(default_factory=dict)
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict)
    officer_claim: str = "sub"
    lookups: dict[str, CounterSettings] = Field(default_factory=dict)
    max_lookup_seconds: float = Field(default=10.0, ge=1.0, le=60.0)
    sign_in: SignInSettings = SignInSettings()


class SecretFiles(Settings):
    """Key material of the hub, as files that only the hub can read.

    Attributes:
        pseudonym_key_file: Key of the keyed hash over identifiers.
        subject_keys_file: Keys of whole-value encryption, by subject.
    """

    pseudonym_key_file: Path | None = None
    subject_keys_file: Path | None = None


class LogSettings(Settings):
    """Logs.

    Attributes:
        format: ``console`` for people, ``json`` for machines.
        level: Lowest level that is written.
    """

    format: Literal["console", "json"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class WatchdogSettings(Settings):
    """When a worker that stands still ends itself, with exit code 75.

    Waiting for a target, a budget, a planned window or a broker that is away is no standing still.

    Attributes:
        enabled: Whether a worker watches itself.
        loop_seconds: Longest silence of the event loop.
        poll_seconds: Longest silence of the thread that talks to the group.
        stall_seconds: Longest time without progress although records are open, and longest single call.
        stop_seconds: Longest stop, from the first signal to the end of the process.
        grace_seconds: From red liveness to the end, so that the reason can be read.
    """

    enabled: bool = True
    loop_seconds: float = Field(default=30.0, gt=0)
    poll_seconds: float = Field(default=90.0, gt=0)
    stall_seconds: float = Field(default=120.0, gt=0)
    stop_seconds: float = Field(default=50.0, gt=0)
    grace_seconds: float = Field(default=5.0, ge=0)


class HubSettings(Settings):
    """Everything that one hub is told.

    Attributes:
        province: Prefix of all topics and groups, such as ``hue``; empty for none.
        environment: ``development`` allows one replica and simulators without agreement.
        security_level: Information-security level that the province's system was approved for (0 to 5).
        state_directory: Where embedded parts keep their files.
        kafka: The broker.
        ledger: The projection of receipts.
        gateway: The HTTP front door.
        secrets: Key material.
        log: Logs.
        watchdog: When a worker that stands still ends itself.
        metrics_port: Port of ``/metrics``, ``/livez`` and ``/readyz``; 0 for none.
        connectors: Connector name → its own configuration, checked by the connector's model.
    """

    province: str = ""
    environment: Literal["development", "production"] = "development"
    security_level: int = Field(default=0, ge=0, le=5)
    state_directory: Path = Path(".lienthong")
    kafka: KafkaSettings = KafkaSettings()
    ledger: LedgerSettings = LedgerSettings()
    gateway: GatewaySettings = GatewaySettings()
    secrets: SecretFiles = SecretFiles()
    log: LogSettings = LogSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    connectors: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
