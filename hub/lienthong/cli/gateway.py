"""``lienthong gateway`` and ``lienthong issuer``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lienthong.config.models import HubSettings
    from lienthong.ledger.store import LedgerStore


@click.command()
@click.option("--host", help="Address to listen on; default from the configuration.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 for a free one.")
@click.option("--ready-file", type=click.Path(path_type=Path), help='Written as {"url": …} once requests are taken.')
@click.option("--print-openapi", is_flag=True, help="Print the OpenAPI document and end.")
@click.pass_obj
def gateway(
    config_file: Path | None, host: str | None, port: int | None, ready_file: Path | None, print_openapi: bool
) -> None:
    """Take events over HTTP and write them to Kafka."""
    if print_openapi:
        from lienthong.gateway.openapi import rendered

        click.echo(rendered(), nl=False)
        return
    from lienthong.clock import SystemClock
    from lienthong.config.loader import load
    from lienthong.gateway.app import create_gateway
    from lienthong.gateway.serve import announce, listen, serve, url_of
    from lienthong.kafka.producer import AcknowledgedProducer
    from lienthong.observability.health import Health
    from lienthong.observability.logs import configure
    from lienthong.observability.metrics import Metrics
    from lienthong.observability.server import ObservabilityServer
    from lienthong.registry.schemas import SchemaRegistry

    settings = load(config_file)
    configure(settings.log)
    clock, metrics = SystemClock(), Metrics()
    health = Health(clock, required=("server",))
    limits = settings.gateway
    producer = AcknowledgedProducer(
        settings.kafka,
        client_id="lienthong-gateway",
        # A publisher waits for its answer, so the gateway gives up earlier than a pipeline would.
        overrides={"delivery.timeout.ms": limits.acknowledge_timeout_seconds * 1_000},
    )
    store = _ledger(settings)
    steps = None
    if limits.sign_in.provider:
        from lienthong.gateway.sign_in_store import SignInStore

        steps = SignInStore.of(settings, clock)
    registry = SchemaRegistry.installed()
    app = create_gateway(settings, producer, registry, store, clock, metrics, health=health, steps=steps)
    address = host or limits.host
    bound = listen(address, limits.port if port is None else port)
    document: dict[str, object] = {"url": url_of(bound, address)}
    observability = ObservabilityServer(metrics, health)
    if settings.metrics_port:
        document["metrics_port"] = observability.start(settings.metrics_port)

    def on_ready() -> None:
        health.set_ready("server")
        click.echo(announce(ready_file, document))

    try:
        serve(app, bound, on_ready)
    finally:
        observability.stop()
        if steps is not None:
            steps.close()
        store.close()


def _ledger(settings: "HubSettings") -> "LedgerStore":
    import structlog

    from lienthong.errors import RetriableError
    from lienthong.ledger.store import LedgerStore

    store = LedgerStore(settings.ledger.url.get_secret_value())
    try:
        store.prepare()
    except RetriableError as error:
        # Publishing does not need the ledger; asking for receipts answers 503 until it is back.
        structlog.stdlib.get_logger("lienthong.gateway").warning("ledger_unavailable", error_code=error.code)
    return store


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8081, show_default=True, help="0 for a free one.")
@click.option("--client", "given", multiple=True, help="id:secret:scopes, with spaces between scopes.")
@click.option("--clients", "file", type=click.Path(path_type=Path), help="YAML or JSON: id → {secret, scopes}.")
@click.option("--ready-file", type=click.Path(path_type=Path), help='Written as {"url": …} once requests are taken.')
@click.pass_obj
def issuer(
    config_file: Path | None, host: str, port: int, given: tuple[str, ...], file: Path | None, ready_file: Path | None
) -> None:
    """Give tokens to publishers on a development machine; refused in production."""
    from lienthong.clock import SystemClock
    from lienthong.config.loader import load
    from lienthong.errors import ConfigurationError
    from lienthong.gateway.issuer import create_issuer, parse_client, read_clients, signing_key
    from lienthong.gateway.serve import announce, listen, serve, url_of
    from lienthong.observability.logs import configure

    settings = load(config_file)
    configure(settings.log)
    if settings.environment == "production":
        raise ConfigurationError("the built-in issuer is for development; set gateway.issuer to the province's own")
    clients = [*(parse_client(text) for text in given), *(read_clients(file) if file else ())]
    key = signing_key(settings.state_directory)
    bound = listen(host, port)
    url = url_of(bound, host)
    app = create_issuer(settings, url, clients, key, SystemClock())
    serve(app, bound, lambda: click.echo(announce(ready_file, {"url": url})))
