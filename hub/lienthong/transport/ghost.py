"""Takes the member out of the group that this worker was before it lost touch with the broker.

A worker that hears nothing from the broker for a session gives its membership up and joins as somebody new, while the
broker, back from a restart, waits a whole session for the old member: nothing would flow for that long.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import structlog

from lienthong.errors import BrokerUnavailableError, LienthongError, RetriableError

log = structlog.get_logger(__name__)

_DEFAULT_SESSION_MS = 45_000
#: Sessions after which a member that lost touch is back, or never will be.
_REJOIN_SESSIONS = 3
_PAUSE_SECONDS = 0.25
#: After it, the broker has forgotten the old member by itself.
_MAX_ATTEMPTS = 120


class Group(Protocol):
    """Where members can be taken out of groups."""

    def remove_member(self, group: str, member_id: str) -> None:
        """Take a member out.

        Args:
            group: Name of the group.
            member_id: The member.
        """
        ...


class GhostRemover:
    """Removes this worker's own former members, from threads of their own: asking must hold nothing up.

    Args:
        group: Name of the group.
        connect: Opens the administration of the cluster.
    """

    def __init__(self, group: str, connect: Callable[[], AbstractContextManager[Group]]) -> None:
        self._group = group
        self._connect = connect
        self._pause = threading.Event()

    def remove(self, member_id: str) -> threading.Thread:
        """Take a member out as soon as the broker answers.

        Args:
            member_id: What this worker was called; it must not be called so any more.
        """
        thread = threading.Thread(target=self._remove, args=(member_id,), name="ghost-remover", daemon=True)
        thread.start()
        return thread

    def _remove(self, member_id: str) -> None:
        for _ in range(_MAX_ATTEMPTS):
            try:
                with self._connect() as group:
                    group.remove_member(self._group, member_id)
            except RetriableError:
                self._pause.wait(_PAUSE_SECONDS)
            except LienthongError as error:
                # The broker removes the member by itself, only later.
                log.warning("ghost_not_removed", error_code=error.code)
                return
            else:
                return


class Touch:
    """Whether this worker is in touch with its group; used by the poll thread only.

    Args:
        configuration: librdkafka's settings of the member.
        departed: Told which member this worker was, when it lost touch; None for nobody.
        monotonic: Seconds that never run backwards.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        departed: Callable[[str], object] | None,
        monotonic: Callable[[], float],
    ) -> None:
        session_ms = int(configuration.get("session.timeout.ms", _DEFAULT_SESSION_MS))
        self._rejoin_seconds = _REJOIN_SESSIONS * session_ms / 1_000
        self._departed = departed
        self._monotonic = monotonic
        self._member_id = ""
        self._lost_at: float | None = None

    def found(self, member_id: str | None) -> None:
        """Note that the group told what it gives to this worker.

        Args:
            member_id: What the group calls it.
        """
        self._lost_at = None
        self._member_id = member_id or self._member_id

    def lost(self) -> None:
        """Note that the library gave the membership up."""
        self._lost_at = self._monotonic()
        if self._departed is not None and self._member_id:
            self._departed(self._member_id)

    def check(self) -> None:
        """Look whether the group took this worker back in time.

        Raises:
            BrokerUnavailableError: If it did not. Seen with a broker that had been frozen: the group was empty, and the
                library waited for an answer to its request for minutes.
        """
        if self._lost_at is not None and self._monotonic() - self._lost_at > self._rejoin_seconds:
            raise BrokerUnavailableError("the group did not take this worker back after a silence; it starts anew")
