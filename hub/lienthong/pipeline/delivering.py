"""What the declared effect of an operation changes about calling it."""

from typing import Any

from pydantic import BaseModel

from lienthong.connector import CallContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import OutcomeUnknownError, TargetUnavailableError
from lienthong.outcome import Outcome, SettledByAnswer


class Delivering:
    """The calls for one record.

    Args:
        sink: The connector.
        effect: What a repeated call would do.
        is_repeat: Whether an earlier worker may have made the call and died.

    Delivery:
        ``none``: an unknown outcome is handed on, for a person to decide. All others are called again, after the target
        was asked where it can be; an unknown outcome counts as the target's failure, so it uses up no attempts.
    """

    def __init__(self, sink: Sink[Any], effect: Effect, *, is_repeat: bool) -> None:
        self._sink = sink
        self._effect = effect
        self._is_unknown = is_repeat
        #: Whether an effect of this record may be at the target twice.
        self.may_be_repeated = is_repeat and effect is Effect.NONE
        #: Whether the call was noted before it was made.
        self.is_noted = False

    @property
    def must_be_noted(self) -> bool:
        """Whether a crash during the calls would have to be known afterwards."""
        return self._effect is Effect.NONE or self._effect is Effect.QUERY_BEFORE_WRITE

    async def once(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Deliver the record, unless the target says that it holds it already.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: The parsed bytes.
            context: Who asks for what.

        Raises:
            OutcomeUnknownError: If the effect may have happened and cannot be asked for.
            LienthongError: What the target said.
        """
        if self._is_unknown and self._effect is not Effect.NONE and self._sink.can_tell:
            found = await self._sink.was_done(event, data, context)
            if found is not None:
                return found
        self._is_unknown = False
        try:
            return await self._sink.deliver(event, data, context)
        except SettledByAnswer as signal:
            return signal.outcome
        except OutcomeUnknownError as error:
            if self._effect is Effect.NONE:
                raise
            self._is_unknown = True
            raise TargetUnavailableError(
                "nobody knows whether the call arrived; the target is asked, or the call is made again, which is safe",
                reason=error.reason,
            ) from error
