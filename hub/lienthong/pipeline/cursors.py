"""Where polls go on: one record for each polling pipeline in the compacted topic ``cursors``."""

import zlib
from datetime import datetime

import orjson

from lienthong.errors import FatalError, TopicDriftError
from lienthong.kafka.cluster import ClusterView
from lienthong.pipeline.definitions import CURSORS, Pipeline
from lienthong.record import OutgoingRecord

MAX_CURSOR_BYTES = 4_096
_VERSION = 1


class Cursors:
    """Reads and builds the cursor of one pipeline.

    Args:
        pipeline: Which pipeline.
        view: What exists in the cluster.

    Delivery:
        The last record of the pipeline's name counts; whoever saves one must hold the fence of
        :class:`~lienthong.kafka.fenced_producer.FencedProducer`.
    """

    def __init__(self, pipeline: Pipeline, view: ClusterView) -> None:
        self._name = pipeline.name
        self._topic = pipeline.names.full(CURSORS)
        self._view = view
        self._partition: int | None = None

    @property
    def partition(self) -> int:
        """The partition whose owner polls; known once :meth:`find_partition` was asked."""
        if self._partition is None:
            raise FatalError("no partition was assigned yet; nothing may be written")
        return self._partition

    def find_partition(self) -> int:
        """Return the partition whose owner polls; blocks the first time.

        Raises:
            TopicDriftError: If the topic does not exist.
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        if self._partition is None:
            number = len(self._view.partitions([self._topic]))
            if not number:
                raise TopicDriftError(f"the topic {self._topic} does not exist; run `lienthong topics apply`")
            # Not what Kafka makes of the key: every worker must know it without a client that could tell.
            self._partition = zlib.crc32(self._name.encode()) % number
        return self._partition

    def load(self) -> str:
        """Return the saved cursor, or an empty text at the first start; blocks.

        Raises:
            FatalError: If a newer version of the hub wrote it.
            BrokerUnavailableError: If Kafka cannot be reached.
        """
        value: bytes | None = None
        with self._view.whole(self._view.spans([self._topic], [self.partition])) as reader:
            for record in reader.records():
                if record.key == self._name.encode():
                    value = record.value
        return "" if value is None else _read(value)

    def record(self, cursor: str, at: datetime) -> OutgoingRecord:
        """Return what saves a cursor.

        Args:
            cursor: Of the last durable batch.
            at: When.
        """
        value = orjson.dumps({"v": _VERSION, "cursor": cursor, "saved_at": at})
        return OutgoingRecord(self._topic, self._name.encode(), value, [], self.partition)


def check_cursor(cursor: str, connector: str) -> None:
    """Check what a connector gave.

    Args:
        cursor: That of a batch.
        connector: Name of the connector.

    Raises:
        FatalError: If it cannot be saved; reading on without it would read everything again after a restart.
    """
    if not cursor or len(cursor.encode()) > MAX_CURSOR_BYTES:
        raise FatalError(
            f"the connector {connector} gave an empty cursor or one over {MAX_CURSOR_BYTES} bytes; mend the connector"
        )


def _read(value: bytes) -> str:
    try:
        document = orjson.loads(value)
        if document["v"] == _VERSION:
            return str(document["cursor"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        document = None
    raise FatalError("the saved cursor has an unknown form; run the version of the hub that wrote it")
