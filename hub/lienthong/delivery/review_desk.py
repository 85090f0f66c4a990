"""What officials do with open reviews: see them, look at one, decide."""

from collections.abc import Iterable
from datetime import timedelta

from lienthong.access_log import AccessEntry
from lienthong.access_log import encode as encode_access
from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.command import Action, Command, to_command
from lienthong.delivery.hygiene import KEY_ID_HEADER
from lienthong.delivery.looking import intent_to_look, may_be_number, seen
from lienthong.delivery.review_record import OpenReviews, Review
from lienthong.errors import DecodeError, LienthongError, ValidationFailedError
from lienthong.record import OutgoingRecord, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.text import normalise
from lienthong.topic_names import TopicNames
from lienthong.validation import validate

_MIN_PREFIX_CHARACTERS = 6
_OPERATION = "review.show"


class ReviewDesk:
    """Open reviews and the records that carry a decision.

    Args:
        records: Everything in the topic ``review``, in the order of each partition.
        names: Names of topics.
        codec: Decrypts what is encrypted.
        registry: Checks corrections.
        clock: Where to read the time.
    """

    def __init__(
        self,
        records: Iterable[Record],
        names: TopicNames,
        codec: RecordCodec,
        registry: SchemaRegistry,
        clock: Clock,
    ) -> None:
        self._reviews = OpenReviews()
        #: Records of the topic that are no reviews; one of them must not hide all others.
        self.unreadable = 0
        for record in records:
            try:
                self._reviews.apply(record)
            except DecodeError:
                self.unreadable += 1
        self._names = names
        self._codec = codec
        self._registry = registry
        self._clock = clock

    def all(self) -> list[Review]:
        """Return all open reviews, the oldest first."""
        return self._reviews.all()

    def age(self, review: Review) -> timedelta:
        """Return for how long a review has been open.

        Args:
            review: An open review.
        """
        return self._clock.now() - review.opened_at

    def find(self, identifier: str) -> Review:
        """Return an open review.

        Args:
            identifier: Its id, or at least 6 characters that begin no other open review's.

        Raises:
            LienthongError: If there is none, or more than one.
        """
        found = [review for review in self.all() if review.id.startswith(identifier)]
        exact = self._reviews.find(identifier)
        if exact is not None:
            return exact
        if len(identifier) < _MIN_PREFIX_CHARACTERS or len(found) != 1:
            raise LienthongError(
                "không có hồ sơ chờ xét duyệt nào với mã này, hoặc mã quá ngắn; xem `lienthong review list` "
                "(no single open review has this id)"
            )
        return found[0]

    def reveal(self, review: Review) -> bytes:
        """Return the record's plain value; write the access log before.

        Args:
            review: An open review.

        Raises:
            RecordError: If the person was erased.
            ConfigurationError: If the record is encrypted and there are no keys.
        """
        return self._codec.decrypt(review.record) or b""

    def access(
        self, review: Review, *, actor: str, purpose: str, legal_basis: str, secret: bytes, attempt_id: str = ""
    ) -> AccessEntry:
        """Return the access-log intent of an official who wants to see the record.

        Args:
            review: An open review.
            actor: Opaque id of the official.
            purpose: Why.
            legal_basis: The law that allows it; empty for the record's own.
            secret: Keys the hash of the question.
            attempt_id: Id of this look; empty for a new one.

        Raises:
            LienthongError: If something is missing or has the form of a personal ID.
        """
        basis = legal_basis or (review.record.header("ce_legalbasis") or b"").decode()
        _check(actor=actor, purpose=purpose, legal_basis=basis)
        return intent_to_look(
            "review",
            review.id,
            key=dossier_code(review),
            actor=actor,
            purpose=purpose,
            legal_basis=basis,
            secret=secret,
            at=self._clock.now(),
            operation=_OPERATION,
            attempt_id=attempt_id,
        )

    def seen(self, intent: AccessEntry, value: bytes) -> AccessEntry:
        """Return the access-log result of a look.

        Args:
            intent: What :meth:`access` returned.
            value: The plain value; only names of its fields are kept.
        """
        return seen(intent, value, self._clock.now())

    def access_record(self, entry: AccessEntry) -> OutgoingRecord:
        """Return the Kafka record of an access-log entry.

        Args:
            entry: Intent or result.
        """
        return encode_access(entry, self._names.access_log)

    def decide(
        self, review: Review, action: Action, *, actor: str, reason: str, corrected: bytes | None = None
    ) -> OutgoingRecord:
        """Return the record that tells the pipeline what was decided.

        Args:
            review: An open review.
            action: The decision.
            actor: Opaque id of the official.
            reason: Why.
            corrected: The whole corrected record as JSON, for a correction.

        Raises:
            LienthongError: If actor or reason is missing or has the form of a personal ID.
            RecordError: If the corrected record breaks its schema or belongs to another key.

        Delivery:
            The same decision twice is carried out once, because the second finds the review closed.
        """
        _check(actor=actor, reason=reason)
        value = self._checked(review, corrected) if corrected is not None else None
        key_id = review.record.header(KEY_ID_HEADER) if value is not None else None
        command = Command(
            action=action,
            review_id=review.id,
            pipeline=review.pipeline,
            actor=actor,
            reason=reason,
            decided_at=self._clock.now(),
            topic=review.record.topic,
            partition=review.record.partition,
            offset=review.record.offset,
            key=review.record.key,
            key_id=(key_id or b"").decode(),
            value=value,
        )
        return to_command(command, self._names.of_pipeline("replay", review.pipeline))

    def _checked(self, review: Review, corrected: bytes) -> bytes:
        record = review.record
        event_type = (record.header("ce_type") or b"").decode()
        spec = self._registry.find(event_type, (record.header("ce_dataschema") or b"").decode())
        data, _ = normalise(corrected)
        model = validate(spec, data)
        if spec.key(model).encode() != record.key:
            raise ValidationFailedError(
                "bản sửa thuộc hồ sơ khác; giữ nguyên mã hồ sơ (the correction belongs to another key)",
                reason="other_key",
            )
        return self._codec.encrypt_like(record, data)


def dossier_code(review: Review) -> str:
    """Return the dossier code of a review, or the record's key without one.

    Args:
        review: An open review.
    """
    return (review.record.header("ce_dossiercode") or review.record.key or b"").decode(errors="replace")


def _check(**texts: str) -> None:
    for name, text in texts.items():
        option = name.replace("_", "-")
        if not text.strip():
            raise LienthongError(f"thiếu --{option} (give --{option})")
        if may_be_number(name, text):
            raise LienthongError(
                f"--{option} chứa dãy số dạng số định danh; dùng mã cán bộ hoặc mô tả khác "
                f"(--{option} has the form of a personal ID)"
            )
