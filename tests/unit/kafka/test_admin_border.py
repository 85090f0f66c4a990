"""The border to kafka-python: its errors become ours, librdkafka's settings become its settings."""

import inspect
import threading

import pytest
from kafka import KafkaAdminClient
from kafka import errors as library
from pydantic import SecretStr

from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, CatalogError, ConfigurationError, FatalError, TopicDriftError
from lienthong.kafka.admin_client import KafkaCluster
from lienthong.kafka.errors import class_for, from_code, translate, translated
from lienthong.kafka.security import kafka_python_settings

#: Classes that are only bases of others; they are never raised themselves.
_ROOTS = {library.KafkaError, library.BrokerResponseError}


def _library_errors() -> list[type[Exception]]:
    return [
        value
        for value in vars(library).values()
        if inspect.isclass(value) and issubclass(value, library.KafkaError) and value not in _ROOTS
    ]


def test_every_library_error_is_mapped():
    """An upgrade of kafka-python that adds an exception fails here until somebody decides what it means."""
    assert [error.__name__ for error in _library_errors() if class_for(error) is None] == []


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (library.KafkaTimeoutError, BrokerUnavailableError),
        (library.NotControllerError, BrokerUnavailableError),
        (library.TopicAuthorizationFailedError, ConfigurationError),
        (library.SaslAuthenticationFailedError, ConfigurationError),
        (library.InvalidReplicationFactorError, TopicDriftError),
        (library.PolicyViolationError, CatalogError),
        (library.UnknownTopicOrPartitionError, CatalogError),
        (library.CorrelationIdError, BrokerUnavailableError),
        (library.UnknownError, FatalError),
    ],
)
def test_most_specific_class_wins(error, ours):
    """An error is answered by what the engine can do about it."""
    assert ours is class_for(error)


def test_unknown_error_is_fatal():
    """An error that nobody mapped stops, and is never retried."""
    assert FatalError is type(translate(library.KafkaError(), "testing"))


def test_message_never_repeats_the_request():
    """The library's text may hold a request; ours names the class and what was tried."""
    error = translate(library.InvalidConfigurationError("password=hunter2"), "creating topics")

    assert str(error) == "Kafka failed while creating topics: InvalidConfigurationError"


def test_cause_is_kept():
    """The original error stays reachable for the log."""
    with pytest.raises(BrokerUnavailableError) as caught, translated("asking"):
        raise library.KafkaTimeoutError

    assert isinstance(caught.value.__cause__, library.KafkaTimeoutError)


def test_success_code_is_no_error():
    """Code 0 of an answer means done."""
    assert from_code(0, "asking") is None


def test_security_settings_are_translated(tmp_path):
    """The same names serve librdkafka and the administration."""
    for name in ("ca.pem", "tls.crt", "tls.key"):
        (tmp_path / name).touch()
    given = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "scram-sha-512",
        "sasl.username": "hub",
        "sasl.password": "secret",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "tls.crt"),
        "ssl.key.location": str(tmp_path / "tls.key"),
        "ssl.key.password": "pass",
        "ssl.endpoint.identification.algorithm": "none",
        "enable.ssl.certificate.verification": "true",
    }
    expected = {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "hub",
        "sasl_plain_password": "secret",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "ssl_certfile": str(tmp_path / "tls.crt"),
        "ssl_keyfile": str(tmp_path / "tls.key"),
        "ssl_password": "pass",
        "ssl_check_hostname": False,
    }
    translated_settings = kafka_python_settings({name: SecretStr(value) for name, value in given.items()})

    assert expected == translated_settings
    assert set() == set(translated_settings) - set(KafkaAdminClient.DEFAULT_CONFIG)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ssl.ca.pem", "-----BEGIN"), ("enable.ssl.certificate.verification", "false"), ("sasl.oauthbearer.config", "x")],
)
def test_setting_without_counterpart_is_refused_by_name(name, value):
    """A setting that would silently be dropped is refused, and its value is not shown."""
    with pytest.raises(ConfigurationError, match=name.replace(".", r"\.")) as caught:
        kafka_python_settings({name: SecretStr(value)})

    assert value not in str(caught.value).replace(name, "").split("cannot")[0]


def test_missing_certificate_file_is_a_configuration_error():
    """A wrong path is said before any connection is tried."""
    security = {"security.protocol": SecretStr("SSL"), "ssl.ca.location": SecretStr("/nowhere/ca.pem")}

    with pytest.raises(ConfigurationError, match=r"cannot read the file of ssl\.ca\.location: No such file"):
        KafkaCluster(KafkaSettings(bootstrap_servers="127.0.0.1:1", security=security), connect_timeout_ms=500)


def test_absent_broker_is_retriable():
    """A broker that is away is said as such, within the limit."""
    with pytest.raises(BrokerUnavailableError, match=r"connecting to 127\.0\.0\.1:1"):
        KafkaCluster(KafkaSettings(bootstrap_servers="127.0.0.1:1"), connect_timeout_ms=200)
    assert [thread for thread in threading.enumerate() if "lienthong-topics" in thread.name] == []
