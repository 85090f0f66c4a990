"""The bulk stream: any number of events, one a line, in constant memory."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from lienthong.config.models import GatewaySettings
from lienthong.envelope import from_json
from lienthong.errors import FatalError, LienthongError, RetriableError
from lienthong.gateway.admission import Admission, Admitted, Caller, problem_from, rejected, shown_id
from lienthong.gateway.body import READ_TIMEOUT_SECONDS, LineSplitter
from lienthong.gateway.bulk_answer import BulkAnswer
from lienthong.gateway.failures import log_failure
from lienthong.gateway.problems import Problem, ProblemError, problem_of
from lienthong.gateway.sender import Sender
from lienthong.observability.metrics import Metrics

_logger = structlog.stdlib.get_logger("lienthong.gateway")
# A publisher that pauses gets its acknowledgements; one that does not is read in full batches.
_IDLE_SECONDS = 0.05
_MAX_BATCH_LINES = 1_000
_LINES_PER_TURN = 100
_INTERNAL = Problem("internal", "the hub could not go on with the stream; send it again, and tell its operators")
_UNKNOWN = FatalError("the write ended without a result")


class BulkStream:
    """Reads lines, writes them in order, and answers what was rejected.

    One batch of lines is being acknowledged while the next is read, so lines of one key keep their order, and memory
    holds two batches at most.

    Args:
        caller: Who sends.
        admission: Checks each line.
        sender: Writes to Kafka.
        settings: Limits.
        metrics: Counts events.
        bulk: Whether the lines go to the bulk lane.
    """

    def __init__(
        self,
        caller: Caller,
        admission: Admission,
        sender: Sender,
        settings: GatewaySettings,
        metrics: Metrics,
        *,
        bulk: bool = False,
    ) -> None:
        self._caller = caller
        self._bulk = bulk
        self._admission = admission
        self._sender = sender
        self._metrics = metrics
        self._splitter = LineSplitter(settings.max_event_bytes)
        self._max_line_bytes = settings.max_event_bytes
        self._batch_lines = max(1, min(_MAX_BATCH_LINES, settings.bulk_in_flight // 2))
        self._batch_bytes = settings.max_batch_bytes // 2
        self._pending: list[tuple[int, Admitted]] = []
        self._pending_bytes = 0
        self._writing: asyncio.Task[list[LienthongError | None]] | None = None
        self._written: list[tuple[int, Admitted]] = []
        self._line = 0
        self._lines = 0
        self._accepted = 0
        self._rejected: Counter[str] = Counter()

    async def run(self, receive: Receive, send: Send) -> None:
        """Answer one request.

        Args:
            receive: Gives the body.
            send: Takes the answer.

        Delivery:
            A line counts as accepted once all in-sync replicas acknowledged it. An answer without a summary is
            incomplete: some lines may have been written, and sending all of them again is safe.
        """
        answer = BulkAnswer(send)
        try:
            await self._read_all(receive, answer)
            await answer.finish({"lines": self._lines, "accepted": self._accepted, "rejected": self._rejected.total()})
        except ClientDisconnect:
            answer.abandon()
        except ProblemError as error:
            await answer.fail(error.problem)
        except Exception as error:  # noqa: BLE001 - the answer may have begun; logged without its text, the answer ends
            log_failure("bulk_stream_failed", error, system=self._caller.system)
            await answer.fail(_INTERNAL)
        finally:
            await self._give_up()
            answer.abandon()
            _logger.info(
                "bulk_stream_ended",
                system=self._caller.system,
                lines=self._lines,
                accepted=self._accepted,
                rejected=dict(self._rejected),
            )

    async def _read_all(self, receive: Receive, answer: BulkAnswer) -> None:
        while True:
            message = await self._next(receive, answer)
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            for number, line in enumerate(self._splitter.feed(message.get("body", b"")), 1):
                await self._take(line, answer)
                if number % _LINES_PER_TURN == 0:
                    await asyncio.sleep(0)
            if not message.get("more_body", False):
                break
        for line in self._splitter.end():
            await self._take(line, answer)
        await self._flush(answer)
        await self._settle(answer)

    async def _next(self, receive: Receive, answer: BulkAnswer) -> Message:
        waiting = asyncio.ensure_future(receive())
        try:
            if self._pending or self._writing is not None:
                done, _ = await asyncio.wait({waiting}, timeout=_IDLE_SECONDS)
                if not done:
                    await self._flush(answer)
                    await self._settle(answer)
            return await asyncio.wait_for(waiting, READ_TIMEOUT_SECONDS)
        except TimeoutError:
            raise ProblemError(
                Problem("request_timeout", f"nothing of the body came for {READ_TIMEOUT_SECONDS:g} s")
            ) from None
        finally:
            waiting.cancel()

    async def _take(self, line: bytes | None, answer: BulkAnswer) -> None:
        self._line += 1
        if line is None:
            self._lines += 1
            problem = Problem("too_large", f"a line may have {self._max_line_bytes} bytes; send files by reference")
            await self._reject(answer, self._line, None, problem)
            return
        if not line or line.isspace():
            return
        self._lines += 1
        event_id = None
        try:
            event = from_json(line)
            event_id = event.id
            admitted = self._admission.admit(event, self._caller, bulk=self._bulk)
        except (LienthongError, ProblemError) as error:
            await self._reject(answer, self._line, event_id, problem_from(error))
            return
        self._pending.append((self._line, admitted))
        self._pending_bytes += len(line)
        if len(self._pending) >= self._batch_lines or self._pending_bytes >= self._batch_bytes:
            await self._flush(answer)

    async def _flush(self, answer: BulkAnswer) -> None:
        await self._settle(answer)
        if self._pending:
            self._written, self._pending, self._pending_bytes = self._pending, [], 0
            writing = self._sender.send([item.record for _, item in self._written])
            self._writing = asyncio.create_task(writing)

    async def _settle(self, answer: BulkAnswer) -> None:
        if self._writing is None:
            return
        errors = await asyncio.shield(self._writing)
        written, self._written, self._writing = self._written, [], None
        away: Problem | None = None
        accepted = 0
        for (number, admitted), error in zip(written, errors, strict=True):
            if error is None:
                accepted += 1
                continue
            self._admission.release(admitted)
            if isinstance(error, RetriableError | FatalError):
                away = problem_of(error)
            else:
                await self._reject(answer, number, admitted.event.id, problem_of(error))
        self._accepted += accepted
        if accepted:
            self._metrics.count_gateway_events("accepted", accepted)
            await answer.begin()
        if away is not None:
            self._metrics.count_gateway_events(away.code, len(written) - accepted)
            raise ProblemError(away)

    async def _reject(self, answer: BulkAnswer, number: int, event_id: str | None, problem: Problem) -> None:
        self._rejected[problem.code] += 1
        self._metrics.count_gateway_events(problem.code)
        result: Mapping[str, Any] = {"line": number, **rejected(shown_id(event_id), problem)}
        await answer.add(orjson.dumps(result))

    async def _give_up(self) -> None:
        # What was handed to Kafka may still be written; only then is it known whether its id is taken.
        for _, admitted in self._pending:
            self._admission.release(admitted)
        self._pending = []
        if self._writing is None:
            return
        await asyncio.wait({self._writing})
        is_known = not self._writing.cancelled() and self._writing.exception() is None
        errors = self._writing.result() if is_known else [_UNKNOWN] * len(self._written)
        for (_, admitted), error in zip(self._written, errors, strict=True):
            if error is not None:
                self._admission.release(admitted)
        self._writing = None


class BulkResponse(Response):
    """Runs a bulk stream as the response of a route.

    Starlette's own streaming response reads the request beside us to see a disconnect, and would take our lines.

    Args:
        stream: What answers.
    """

    def __init__(self, stream: BulkStream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self._stream.run(receive, send)
