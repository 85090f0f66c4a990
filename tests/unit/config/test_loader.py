"""Configuration: files, environment and secrets; what is wrong is named by key, never by value."""

from pathlib import Path

import pytest

from lienthong.config.loader import load
from lienthong.errors import ConfigurationError, SecretNotFoundError


@pytest.fixture
def write(tmp_path: Path):
    """Give a function that writes a configuration file."""

    def make(text: str | bytes) -> Path:
        path = tmp_path / "lienthong.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def test_without_anything_the_defaults_hold(monkeypatch, tmp_path) -> None:
    """A laptop needs no configuration."""
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).environment == "development"


def test_a_file_in_the_working_directory_or_named_by_a_variable_is_found(monkeypatch, tmp_path, write) -> None:
    """The option wins over the variable, the variable over the working directory."""
    write("province: hue")
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).province == "hue"
    other = tmp_path / "other.yaml"
    other.write_text("province: da-nang")
    assert load(None, {"LIENTHONG_CONFIG": str(other)}).province == "da-nang"
    assert load(tmp_path / "lienthong.yaml", {"LIENTHONG_CONFIG": str(other)}).province == "hue"


def test_variables_win_over_the_file(write) -> None:
    """One image, many places: what differs comes from the environment."""
    path = write("kafka: {bootstrap_servers: 'a:1', session_timeout_ms: 9000}")
    found = load(path, {"LIENTHONG_KAFKA__BOOTSTRAP_SERVERS": "b:2", "LIENTHONG_METRICS_PORT": "9100", "HOME": "/"})
    assert found.kafka.bootstrap_servers == "b:2"
    assert found.kafka.session_timeout_ms == 9_000
    assert found.metrics_port == 9_100


def test_variables_of_other_tools_with_our_prefix_are_left_alone(write) -> None:
    """Not every variable that begins alike is a setting."""
    assert load(write(""), {"LIENTHONG_MAVEN_REPOSITORIES": "x"}).province == ""


@pytest.mark.parametrize(
    ("text", "environment", "key"),
    [
        ("provinces: hue", {}, "provinces"),
        ("kafka: {bootstrap_server: geheim-7}", {}, "kafka.bootstrap_server"),
        ("kafka: {session_timeout_ms: geheim-7}", {}, "kafka.session_timeout_ms"),
        ("environment: geheim-7", {}, "environment"),
        ("gateway: {port: 99999}", {}, "gateway.port"),
        ("gateway: {publishers: {one-stop: geheim-7}}", {}, "gateway.publishers.one-stop"),
        ("connectors: geheim-7", {}, "connectors"),
        ("", {"LIENTHONG_KAFKA__BOOTSTRAP": "geheim-7"}, "kafka.bootstrap"),
        ("province: hue", {"LIENTHONG_PROVINCE__X": "geheim-7"}, "LIENTHONG_PROVINCE__X"),
        ("- geheim-7", {}, "mapping"),
        ("{geheim-7", {}, "YAML"),
        ("a: !!python/object:os.system geheim-7", {}, "YAML"),
        (b"province: \xff\xfe", {}, "UTF-8"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_shown(write, text, environment, key) -> None:
    """A password in the wrong place must not end up in a log."""
    path = write(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, environment)
    assert key in str(caught.value)
    assert "geheim-7" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name) -> None:
    """A typing error in --config is no reason to start with defaults."""
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path / name, {})


def test_secrets_come_from_files_and_variables_and_are_not_shown(write, tmp_path) -> None:
    """Secrets stay out of the configuration file, and out of every printed form of the settings."""
    (tmp_path / "password").write_text("geheim-7\n")
    path = write(
        "kafka: {security: {sasl.password: {from_file: password}}}\n"
        "ledger: {url: {from_env: LEDGER}}\n"
        "connectors: {portal: {accounts: [{password: {from_env: LEDGER}}]}}\n"
    )
    found = load(path, {"LEDGER": "postgresql://geheim-8"})
    assert found.kafka.security["sasl.password"].get_secret_value() == "geheim-7"
    assert found.ledger.url.get_secret_value() == "postgresql://geheim-8"
    assert found.connectors["portal"]["accounts"] == [{"password": "postgresql://geheim-8"}]
    shown = repr(found) + str(found)
    assert "geheim" not in shown


@pytest.mark.parametrize("text", ["{from_file: nowhere}", "{from_env: NOWHERE}"])
def test_a_missing_secret_is_named(write, text) -> None:
    """A worker without its secret refuses to start, and says which."""
    with pytest.raises(SecretNotFoundError, match=r"nowhere|NOWHERE"):
        load(write(f"ledger: {{url: {text}}}"), {})


def test_a_secret_may_be_pointed_to_by_a_variable(write, tmp_path) -> None:
    """Kubernetes mounts a secret and sets a variable."""
    (tmp_path / "url").write_text("sqlite:///x")
    found = load(write(""), {"LIENTHONG_LEDGER__URL__FROM_FILE": str(tmp_path / "url")})
    assert found.ledger.url.get_secret_value() == "sqlite:///x"


def test_settings_cannot_be_changed_while_running(write) -> None:
    """What was checked at the start stays true."""
    with pytest.raises(ValueError, match="frozen"):
        load(write(""), {}).province = "x"  # type: ignore[misc]
