"""Errors of kafka-python → ours, in one table; the most specific class wins."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as library

from lienthong.errors import (
    BrokerUnavailableError,
    CatalogError,
    ConfigurationError,
    DecodeError,
    FatalError,
    LienthongError,
    NamingError,
    OffsetCommitError,
    RecordTooLargeError,
    TopicDriftError,
)

type_of_error = type[LienthongError]

_GROUPS: dict[type_of_error, tuple[str, ...]] = {
    BrokerUnavailableError: (
        "RetriableError",
        "BrokerNotAvailableError",
        "RebalanceInProgressError",
        "ReassignmentInProgressError",
        "NewLeaderElectedError",
        "OperationNotAttemptedError",
        "StaleBrokerEpochError",
        "StaleControllerEpochError",
        "QuotaViolationError",
        "UnknownBrokerIdError",
        "UnknownControllerIdError",
        "BrokerIdNotRegisteredError",
        "IneligibleReplicaError",
        "LogDirNotFoundError",
        "SnapshotNotFoundError",
        "PositionOutOfRangeError",
    ),
    ConfigurationError: (
        "AuthorizationError",
        "KafkaConfigurationError",
        "SaslAuthenticationFailedError",
        "UnsupportedSaslMechanismError",
        "IllegalSaslStateError",
        "SecurityDisabledError",
        "UnacceptableCredentialError",
        "PrincipalDeserializationFailureError",
        "InvalidPrincipalTypeError",
        "DelegationTokenAuthDisabledError",
        "DelegationTokenExpiredError",
        "DelegationTokenNotFoundError",
        "DelegationTokenOwnerMismatchError",
        "DelegationTokenRequestNotAllowedError",
        "UnsupportedVersionError",
        "UnrecognizedBrokerVersion",
        "UnsupportedCodecError",
        "UnsupportedCompressionTypeError",
        "UnsupportedForMessageFormatError",
        "UnsupportedAssignorError",
        "UnsupportedEndpointTypeError",
        "MismatchedEndpointTypeError",
        "InvalidSessionTimeoutError",
        "InvalidTransactionTimeoutError",
        "InvalidRequiredAcksError",
        "InvalidGroupIdError",
        "InconsistentClusterIdError",
        "InconsistentGroupProtocolError",
        "GroupMaxSizeReachedError",
    ),
    NamingError: ("InvalidTopicError",),
    TopicDriftError: (
        "InvalidPartitionsError",
        "InvalidReplicationFactorError",
        "InvalidReplicationAssignmentError",
        "NoReassignmentInProgressError",
    ),
    CatalogError: (
        "TopicAlreadyExistsError",
        "UnknownTopicOrPartitionError",
        "UnknownTopicIdError",
        "InconsistentTopicIdError",
        "InvalidConfigurationError",
        "InvalidRequestError",
        "PolicyViolationError",
        "TopicDeletionDisabledError",
        "ResourceNotFoundError",
        "DuplicateResourceError",
    ),
    RecordTooLargeError: ("MessageSizeTooLargeError", "RecordListTooLargeError", "TelemetryTooLargeError"),
    DecodeError: ("CorruptRecordError", "InvalidRecordError", "InvalidTimestampError"),
    OffsetCommitError: (
        "CommitFailedError",
        "OffsetMetadataTooLargeError",
        "InvalidCommitOffsetSizeError",
        "IllegalGenerationError",
        "UnknownMemberIdError",
        "MemberIdRequiredError",
        "FencedInstanceIdError",
        "UnreleasedInstanceIdError",
        "FencedMemberEpochError",
        "StaleMemberEpochError",
        "NoOffsetForPartitionError",
        "GroupIdNotFoundError",
        "GroupSubscribedToTopicError",
        "NonEmptyGroupError",
    ),
    # Reading or writing went wrong in a way that only a person can judge: stop, commit nothing further.
    FatalError: (
        "LogTruncationError",
        "OffsetOutOfRangeError",
        "OffsetMovedToTieredStorageError",
        "UnknownError",
        "NoError",
        "KafkaProtocolError",
        "InvalidFetchRequestError",
        "IllegalArgumentError",
        "IllegalStateError",
        "ProducerFencedError",
        "OutOfOrderSequenceNumberError",
        "DuplicateSequenceNumberError",
        "InvalidProducerEpochError",
        "InvalidProducerIdMappingError",
        "UnknownProducerIdError",
        "InvalidTxnStateError",
        "TransactionAbortableError",
        "TransactionAbortedError",
        "TransactionCoordinatorFencedError",
        "TransactionalIdNotFoundError",
        "DuplicateBrokerRegistrationError",
        "DuplicateVoterError",
        "VoterNotFoundError",
        "InconsistentVoterSetError",
        "InvalidVoterKeyError",
        "FeatureUpdateFailedError",
        "InvalidUpdateVersionError",
        "InvalidRegistrationError",
        "InvalidRecordStateError",
        "FencedStateEpochError",
        "UnknownSubscriptionIdError",
    ),
}
#: kafka-python's class → ours.
TABLE: dict[type[Exception], type_of_error] = {
    getattr(library, name): ours for ours, names in _GROUPS.items() for name in names
}


def class_for(error: type[BaseException]) -> type_of_error | None:
    """Return our class for one of kafka-python's, or None if nobody decided.

    Args:
        error: A class of ``kafka.errors``.
    """
    return next((TABLE[base] for base in error.__mro__ if base in TABLE), None)


def translate(error: library.KafkaError, doing: str) -> LienthongError:
    """Return our error for one of kafka-python's.

    Args:
        error: What the library raised; its text is dropped, because it may repeat a request.
        doing: What was tried, for the operator, such as ``creating topics``.
    """
    ours = class_for(type(error)) or FatalError
    return ours(f"Kafka failed while {doing}: {type(error).__name__}", reason=type(error).__name__)


def from_code(code: int, doing: str) -> LienthongError | None:
    """Return our error for a code in a broker's answer, or None for success.

    Args:
        code: Kafka's error code; 0 is success.
        doing: What was tried, for the operator.
    """
    return None if code == 0 else translate(library.for_code(code)(), doing)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn errors of kafka-python into ours.

    Args:
        doing: What is tried, for the operator.

    Raises:
        LienthongError: Of the class in the table.
    """
    try:
        yield
    except library.KafkaError as error:
        raise translate(error, doing) from error
