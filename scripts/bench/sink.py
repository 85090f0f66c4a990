"""The smallest real sink: one POST for each record, through the hub's own client."""

import httpx
from pydantic import BaseModel

from lienthong.config.models import Settings
from lienthong.connector import CallContext, ConnectorKind, ConnectorSpec, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import RetriableError
from lienthong.outcome import Outcome
from lienthong.rest.call import call

NAME = "bench"
_TIMEOUT_SECONDS = 30.0


class BenchConfig(Settings):
    """Where the target is.

    Attributes:
        base_url: Of the target.
        simulator: Always: it is on this machine.
        max_connections: As many as calls in flight.
        tells_record: Whether each call names key and id of the record, for targets that look at them.
    """

    base_url: str
    simulator: bool = True
    max_connections: int = 100
    tells_record: bool = False


class BenchSink(Sink[BenchConfig]):
    """Posts the record's bytes."""

    _client: httpx.AsyncClient

    async def open(self) -> None:
        """Prepare the client."""
        self._client = self.context.http.create(
            base_url=self.config.base_url,
            timeout_seconds=_TIMEOUT_SECONDS,
            max_connections=self.config.max_connections,
            headers={"content-type": "application/json"},
        )

    async def close(self) -> None:
        """Release the client."""
        await self._client.aclose()

    async def deliver(self, event: Event, _data: BaseModel, context: CallContext) -> Outcome:
        """Post one record.

        Args:
            event: Attributes and bytes.
            _data: The bytes, parsed.
            context: Who asks for what.

        Raises:
            RetriableError: The target refuses this record for now.
        """
        if not self.config.tells_record:
            await call(
                self._client, "POST", "/effects", clock=self.context.clock, is_write=True, expected="json",
                content=event.data,
            )  # fmt: skip
            return Outcome.delivered("bench.created")
        response = await call(
            self._client, "POST", "/effects", clock=self.context.clock, is_write=True,
            is_answer=lambda answer: answer.status_code == httpx.codes.CONFLICT,
            content=event.data, headers={"x-key": context.key, "x-id": event.id},
        )  # fmt: skip
        if response.status_code == httpx.codes.CONFLICT:
            raise RetriableError("the target refuses this record for now; it is sent again", reason="bench.conflict")
        return Outcome.delivered("bench.created")


CONNECTOR = ConnectorSpec(
    name=NAME,
    kind=ConnectorKind.SINK,
    config=BenchConfig,
    factory=BenchSink,
    title_vi="Đích đo kiểm hiệu năng",
    effects={"deliver": Effect.UPSERT},
    accepts=frozenset({"dossier.snapshot", "dossier.progress"}),
)
