"""librdkafka's names of TLS and SASL settings → kafka-python's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lienthong.errors import ConfigurationError

_PLAIN = {
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "ssl.crl.location": "ssl_crlfile",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
}
_UPPER = {"security.protocol": "security_protocol", "sasl.mechanism": "sasl_mechanism"} | {
    "sasl.mechanisms": "sasl_mechanism"
}
_CHECK_HOSTNAME = "ssl.endpoint.identification.algorithm"
_VERIFY = "enable.ssl.certificate.verification"


def kafka_python_settings(security: Mapping[str, SecretStr]) -> dict[str, Any]:
    """Return the same settings under kafka-python's names.

    Args:
        security: Settings by librdkafka's names.

    Raises:
        ConfigurationError: Naming each setting that kafka-python has no counterpart for, or whose file cannot be
            read; no value of a secret is shown.
    """
    translated: dict[str, Any] = {}
    unknown: list[str] = []
    for name, secret in security.items():
        value = secret.get_secret_value()
        if name in _PLAIN:
            if name.endswith(".location"):
                _check_file(name, value)
            translated[_PLAIN[name]] = value
        elif name in _UPPER:
            translated[_UPPER[name]] = value.upper()
        elif name == _CHECK_HOSTNAME:
            translated["ssl_check_hostname"] = value.lower() == "https"
        elif name == _VERIFY and value.lower() == "true":
            continue
        else:
            unknown.append(name)
    if unknown:
        raise ConfigurationError(
            f"kafka.security: {', '.join(sorted(unknown))} cannot be used for administration; give certificates as "
            f"files (ssl.*.location), SASL as PLAIN, SCRAM or GSSAPI, and leave certificate verification on"
        )
    return translated


def _check_file(name: str, path: str) -> None:
    # The library opens the file at the first connection only, and takes a failure there for an absent broker.
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(f"kafka.security: cannot read the file of {name}: {error.strerror}") from error
