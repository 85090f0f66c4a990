"""Takes the member out of the group that this worker was before it lost touch with the broker.

A worker that hears nothing from the broker for a session gives its membership up and joins as somebody new, while the
broker, back from a restart, waits a whole session for the old member: nothing would flow for that long.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import structlog

from lienthong.errors import LienthongError, RetriableError

log = structlog.get_logger(__name__)

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
