"""Names of intended effects and of single attempts at them."""

import hashlib
import random
import secrets

import orjson


def digest(*parts: str) -> str:
    """Return 32 hexadecimal characters that are the same for the same parts and for no others.

    Args:
        parts: In order; where one part ends and the next begins matters.
    """
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def effect_key(pipeline: str, operation: str, source: str, event_id: str) -> str:
    """Return the id of one intended effect.

    Args:
        pipeline: Name of the pipeline.
        operation: Name of the connector's operation.
        source: CloudEvents source.
        event_id: CloudEvents id.

    Raises:
        ValueError: If source or id is empty: then nothing tells two records apart for ever.

    Delivery:
        The same on every attempt, after every restart and on every replay. Topic, partition and offset are no part of
        it, because a record published twice or replayed is still the same record.
    """
    if not source or not event_id:
        raise ValueError("an effect belongs to a CloudEvents source and id; intake accepts no record without them")
    return digest("effect", pipeline, operation, source, event_id)


class AttemptIds:
    """Ids of single attempts, unique over all processes and times.

    From a generator with a random beginning: asking the operating system for every id costs a call to a target a tenth
    of its time, and nothing about an attempt has to be hard to guess. A counter would not do: its rows of digits look
    like personal numbers.
    """

    def __init__(self) -> None:
        self._chance = random.Random(secrets.randbits(256))  # noqa: S311 - unique is enough

    def new(self) -> str:
        """Return the next id, 32 hexadecimal characters."""
        return f"{self._chance.getrandbits(128):032x}"


def new_attempt_id() -> str:
    """Return the id of one attempt, 32 hexadecimal characters, for somebody who makes only one."""
    return AttemptIds().new()
