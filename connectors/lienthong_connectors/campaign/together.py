"""Many small writes become few large ones, each still acknowledged before its writer goes on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from lienthong.record import OutgoingRecord


class Together:
    """Sends what came in while the last batch was under way as the next one.

    Args:
        send: Writes records; returns once they are acknowledged.

    Delivery:
        Whoever waits for :meth:`write` goes on only when Kafka has acknowledged its records; when a batch fails, all
        who wrote in it are told.
    """

    def __init__(self, send: Callable[[Sequence[OutgoingRecord]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: list[tuple[Sequence[OutgoingRecord], asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def write(self, records: Sequence[OutgoingRecord]) -> None:
        """Write records and wait until they are acknowledged.

        Args:
            records: What to write.

        Raises:
            LienthongError: Why they were not acknowledged.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, future))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._send([record for records, _ in batch for record in records])
            except Exception as error:  # noqa: BLE001 - handed to everybody who waits, none of whom ignores it
                _tell(batch, error)
            else:
                _tell(batch, None)


def _tell(batch: Sequence[tuple[object, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, future in batch:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
