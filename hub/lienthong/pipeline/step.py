"""What a remote step is to its engine."""

from typing import Protocol

from lienthong.connector import CallContext
from lienthong.errors import ScopeError
from lienthong.pipeline.definitions import DeliverStep, LookupStep, Pipeline
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import KeyState


class RemoteStep(Protocol):
    """Handles one record of a key at a time."""

    #: Types whose data the step needs parsed; empty for all.
    types: frozenset[str]

    async def open(self) -> None:
        """Prepare clients."""
        ...

    async def close(self) -> None:
        """Release clients."""
        ...

    async def handle(self, item: Item, state: KeyState) -> Handled:
        """Do what the pipeline is for.

        Args:
            item: The record, decoded.
            state: What is known of its key.

        Raises:
            RecordError: The record is set aside.
            ReviewRequired: A person must decide.
            ScopeBlocked: The target does not allow the record's procedure or officer.
        """
        ...

    def scopes(self, item: Item) -> tuple[tuple[str, str], ...]:
        """Return kind and value of the scopes that a call for a record needs, as far as that is known before it.

        Args:
            item: The record, decoded.
        """
        ...

    async def approve(self, item: Item, state: KeyState) -> Handled:
        """Do what follows when an official accepts a record that was in review.

        Args:
            item: The record, decoded.
            state: What is known of its key.
        """
        ...


class ReviewRequired(Exception):  # noqa: N818 - a signal, not an error
    """A person must decide before anything of this key goes on.

    Args:
        reason: Machine-readable, such as ``mismatch``.
        handled: What is known so far: findings, attempts and the new state.
    """

    def __init__(self, reason: str, handled: Handled) -> None:
        super().__init__(reason)
        self.reason = reason
        self.handled = handled


class ScopeBlocked(Exception):  # noqa: N818 - a signal, not an error
    """The target does not allow the procedure, the officer or the agreement that a call needs.

    Args:
        error: What the target said.
        handled: What is known so far: attempts and the intended effect.
    """

    def __init__(self, error: ScopeError, handled: Handled) -> None:
        super().__init__(error.scope_kind)
        self.error = error
        self.handled = handled


def call_context(pipeline: Pipeline, step: LookupStep | DeliverStep, item: Item, effect: str) -> CallContext:
    """Return who asks for what about one record; number and id of the attempt are filled in at each call.

    Args:
        pipeline: Which pipeline.
        step: Its declaration, for purpose and legal basis.
        item: The record, decoded.
        effect: Id of the intended effect.
    """
    event, _, _ = item.decoded()
    return CallContext(
        pipeline=pipeline.name,
        effect_key=effect,
        attempt=0,
        attempt_id="",
        purpose=step.purpose,
        legal_basis=step.legal_basis,
        actor=event.get("actor"),
        on_behalf_of=event.get("onbehalfof"),
        key=item.key,
    )
