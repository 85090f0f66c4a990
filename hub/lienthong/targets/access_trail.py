"""The two records of the access log around every question, whoever asks it."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence

from lienthong.access_log import AccessEntry, AccessPhase, encode
from lienthong.clock import Clock
from lienthong.connector import CallContext
from lienthong.record import OutgoingRecord


class AccessTrail:
    """Writes intent and result of the questions to one connector.

    Args:
        target: Name of the connector.
        operation: What is asked, such as ``person_identity``.
        topic: Full name of the access-log topic.
        write: Writes records; returns once all in-sync replicas have acknowledged them.
        clock: Where to read the time.
        secret: Keys the hashes of questions.

    Delivery:
        Ask only after :meth:`intend` has returned, and use an answer only after :meth:`conclude` has.
    """

    def __init__(
        self,
        target: str,
        operation: str,
        topic: str,
        write: Callable[[Sequence[OutgoingRecord]], Awaitable[None]],
        clock: Clock,
        secret: bytes,
    ) -> None:
        self._target = target
        self._operation = operation
        self._topic = topic
        self._write = write
        self._clock = clock
        self._secret = secret

    def mark_of(self, fingerprint: bytes) -> str:
        """Return the keyed hash of a question.

        Args:
            fingerprint: Equal for equal questions.
        """
        return hmac.new(self._secret, fingerprint, hashlib.sha256).hexdigest()

    async def intend(self, context: CallContext, mark: str) -> None:
        """Write that a question is about to be asked.

        Args:
            context: Who asks for what.
            mark: Keyed hash of the question.
        """
        await self._put(context, mark, AccessPhase.INTENT)

    async def conclude(self, context: CallContext, mark: str, result: str, fields: tuple[str, ...] = ()) -> None:
        """Write how a question was answered.

        Args:
            context: Who asked for what.
            mark: Keyed hash of the question.
            result: Status of the answer, or code of an error.
            fields: Names of the disclosed fields.
        """
        await self._put(context, mark, AccessPhase.RESULT, result, fields)

    async def _put(
        self, context: CallContext, mark: str, phase: AccessPhase, result: str = "", fields: tuple[str, ...] = ()
    ) -> None:
        entry = AccessEntry(
            verification_id=context.effect_key,
            phase=phase,
            at=self._clock.now(),
            actor=context.actor,
            on_behalf_of=context.on_behalf_of,
            key=context.key,
            purpose=context.purpose,
            legal_basis=context.legal_basis,
            target=self._target,
            operation=self._operation,
            attempt=context.attempt,
            attempt_id=context.attempt_id,
            query_hash=mark,
            fields=fields,
            result=result,
        )
        await self._write([encode(entry, self._topic)])
