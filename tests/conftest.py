"""Fixtures for all tests: the shared broker, the shared database, and names that no other test uses.

Nothing heavy is imported here: unit tests must start at once.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lienthong.kafka.embedded import EmbeddedKafka
    from lienthong.testing.postgresql import PostgreSqlServer


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedKafka]":
    """A real broker that all tests of a run share, so a test makes topics and groups with ``unique_name``.

    Do not stop, kill or suspend it: a test about outages starts an ``EmbeddedKafka`` of its own. Without the broker's
    jars or Java the tests are skipped with the reason; under CI they fail instead.
    """
    from lienthong.errors import ConfigurationError
    from lienthong.kafka.embedded import EmbeddedKafka
    from lienthong.kafka.embedded_jars import fetch_jars, locked_jars
    from lienthong.kafka.embedded_java import find_java

    try:
        fetch_jars(locked_jars())
        find_java()
    except ConfigurationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no embedded Kafka: {error}")
    broker = EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "node", die_with_parent=True)
    broker.start()
    yield broker
    broker.stop(remove_data=True)


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """A function that makes a topic, group or client name of this test alone: ``unique_name("records.dossier")``."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def postgresql_server() -> "Iterator[PostgreSqlServer]":
    """A running PostgreSQL server; without its programs the tests are skipped."""
    from lienthong.testing.postgresql import PostgreSqlServer, find_programs

    programs = find_programs()
    if isinstance(programs, str):
        pytest.skip(programs)
    server = PostgreSqlServer(programs)
    server.start()
    yield server
    server.stop()
