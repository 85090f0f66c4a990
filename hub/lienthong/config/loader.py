"""Files, environment and secrets → configuration models."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lienthong.config.models import HubSettings
from lienthong.config.yaml_lines import YamlLines, explain
from lienthong.errors import ConfigurationError, SecretNotFoundError

ENVIRONMENT_PREFIX = "LIENTHONG_"
DEFAULT_FILE = "lienthong.yaml"


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> HubSettings:
    """Return the configuration of a hub.

    Args:
        path: The YAML file; None for ``LIENTHONG_CONFIG``, then ``lienthong.yaml`` if it exists.
        environment: Variables; None for the process's own. ``LIENTHONG_KAFKA__BOOTSTRAP_SERVERS`` overrides
            ``kafka.bootstrap_servers``.

    Raises:
        ConfigurationError: Naming file, key and rule.
        SecretNotFoundError: If a secret's file or variable does not exist.
    """
    variables = os.environ if environment is None else environment
    chosen = config_path(path, variables)
    tree = read_yaml(chosen) if chosen else {}
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{chosen} must hold a mapping of settings")
    _overlay(tree, variables)
    resolved = resolve_secrets(tree, variables, chosen.parent if chosen else Path())
    try:
        return HubSettings.model_validate(resolved)
    except ValidationError as error:
        if chosen is None:
            raise ConfigurationError(describe(error, "environment")) from None
        lines = YamlLines(chosen.read_text(encoding="utf-8"), str(chosen))
        names = [name.removeprefix(ENVIRONMENT_PREFIX) for name in variables if name.startswith(ENVIRONMENT_PREFIX)]
        given = [tuple(name.lower().split("__")) for name in names]
        raise ConfigurationError("\n".join(explain(error, HubSettings, lines, elsewhere=given))) from None


def config_path(path: Path | None, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the file that :func:`load` reads, or None when there is none.

    Args:
        path: As for :func:`load`.
        environment: As for :func:`load`.
    """
    return path or _default_path(os.environ if environment is None else environment)


def read_yaml(path: Path) -> Any:
    """Return the document in a YAML file.

    Args:
        path: The file.

    Raises:
        ConfigurationError: If the file is missing or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no UTF-8 text; save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{line} is no valid YAML") from error


def describe(error: ValidationError, origin: str) -> str:
    """Return what is wrong in a configuration, without values.

    Args:
        error: What pydantic found.
        origin: The file, for the reader.
    """
    lines = [f"{origin}: {len(error.errors())} setting(s) cannot be used"]
    for item in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in item["loc"])
        lines.append(f"  {place}: {item['msg']}")
    return "\n".join(lines)


def _default_path(variables: Mapping[str, str]) -> Path | None:
    named = variables.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    if named:
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def _overlay(tree: dict[str, Any], variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name == f"{ENVIRONMENT_PREFIX}CONFIG":
            continue
        *parents, last = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if not parents and last not in HubSettings.model_fields:
            continue
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfigurationError(f"the variable {name} sets a key below a plain value")
        branch[last] = value


def resolve_secrets(tree: Any, variables: Mapping[str, str], folder: Path) -> Any:
    """Return the tree with every ``{from_file: …}`` and ``{from_env: …}`` replaced by the secret.

    Args:
        tree: Part of a configuration document.
        variables: Where ``from_env`` looks.
        folder: What a relative ``from_file`` starts from.

    Raises:
        SecretNotFoundError: If the file or variable does not exist.
    """
    if isinstance(tree, list):
        return [resolve_secrets(item, variables, folder) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if set(tree) == {"from_file"}:
        path = folder / str(tree["from_file"])
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretNotFoundError(f"cannot read the secret file {path}: {error.strerror}") from error
        except UnicodeDecodeError:
            # Not chained: the library's error holds the bytes.
            raise SecretNotFoundError(f"the secret file {path} is no UTF-8 text") from None
    if set(tree) == {"from_env"}:
        name = str(tree["from_env"])
        if name not in variables:
            raise SecretNotFoundError(f"the secret variable {name} is not set")
        return variables[name]
    return {key: resolve_secrets(value, variables, folder) for key, value in tree.items()}
