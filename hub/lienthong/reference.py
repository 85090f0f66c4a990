"""Reference pages that are generated from the code, so that they cannot differ from it."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lienthong import errors
from lienthong.access_log import AccessEntry
from lienthong.config.loader import ENVIRONMENT_PREFIX
from lienthong.config.models import HubSettings
from lienthong.delivery.policy import format_duration
from lienthong.limits.policy import TargetLimits
from lienthong.pipeline.definitions import PipelineDefinition, installed_definitions
from lienthong.reference_text import attribute_texts, default_text, generated, page, plain, summary, table, type_text

_NEW = "add it to lienthong.reference"

#: What the engine does about an error; a class without its own entry is treated as its nearest base.
ENGINE: Mapping[type[errors.LienthongError], str] = {
    errors.LienthongError: "Never raised itself.",
    errors.ConfigurationError: "Nothing is started. The command ends with exit code 78.",
    errors.CatalogError: "The command ends with exit code 1 and changes nothing further.",
    errors.RecordError: "Never retried. The record goes to the dead letter topic of its pipeline and is settled as "
    "`dead_lettered`; with `errors.sequenced` later records of its key wait until it is replayed or discarded, with "
    "`errors.tolerance: stop` the pipeline stops instead. At the gateway: a problem document.",
    errors.RetriableError: "The same call is made again with backoff, until `retry.max_attempts` or "
    "`retry.max_elapsed` is reached; then the record is a dead letter (`attempts_exhausted`).",
    errors.TargetUnavailableError: "Called again for as long as it takes; uses up no attempts. After "
    "`circuit.failures` in a row the circuit opens. Nothing becomes a dead letter.",
    errors.RateLimitedError: "The circuit opens at once, for the time that the target asked for; uses up no attempts.",
    errors.TokenExpiredError: "Called again at once with a new token, then with backoff. After "
    "`retry.max_token_refreshes` in a row it is a `TargetConfigurationError`.",
    errors.BrokerUnavailableError: "A pipeline's writes wait for Kafka without limit; what fails all the same ends the "
    "pipeline without settling, and its next start reads the records again. The gateway answers 503 with "
    "`Retry-After`. The ledger waits and tries again.",
    errors.ScopeError: "The record is parked until an operator releases its procedure, officer or agreement, and every "
    "later record of its key behind it; the alert `scope_blocked` is raised. All other keys go on.",
    errors.TargetConfigurationError: "The circuit opens at once and the alert `target_configuration` is raised. The "
    "pipeline stays alive and makes one probe after `circuit.config_probe_interval`, then ever more rarely, until "
    "credentials or agreement are mended. Nothing becomes a dead letter.",
    errors.TargetSuspendedError: "No further call, not even a probe, until the worker is started again; the alert "
    "`target_suspended` is raised. Nothing becomes a dead letter.",
    errors.OutcomeUnknownError: "The record waits for an official (`review`) with `repeat_possible`, and every later "
    "record of its key behind it. A connector that can ask its target raises this only when the answer stays unknown.",
    errors.FatalError: "The process ends with exit code 70 and commits nothing further; what is not settled is read "
    "again by the next start.",
}

_EXPLAINED = (
    "Headings below are places in the file of one pipeline.",
    "A duration is a number with its unit: `500ms`, `3s`, `5m`, `1h` or `1d`.",
)


def files() -> dict[str, str]:
    """Return the generated pages of this module: file name → Markdown."""
    return {
        "access-log.md": access_log_page(),
        "configuration.md": configuration_page(),
        "errors.md": errors_page(),
        "pipelines.md": pipelines_page(),
    }


def error_classes(base: type[errors.LienthongError] = errors.LienthongError) -> Iterator[type[errors.LienthongError]]:
    """Return a class of error and everything below it, in the order of the code.

    Args:
        base: Where to begin.
    """
    yield base
    for below in base.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from error_classes(below)


def errors_page() -> str:
    """Return the page of all errors."""
    _, _, tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")
    tree = tree.rpartition("\n\n")[0]
    lines = [
        "# Errors",
        "",
        *generated("lienthong.errors"),
        "Errors are grouped by what the engine does with them, not by where they come from.",
        "A message says what happened and what to do, never a value of a record.",
        "An exception of any other class is fatal: it is neither repeated nor passed over.",
        "The code is what dead letters (`lt-error-code`), receipts and logs hold; it never changes.",
        "",
        "```text",
        tree,
        "```",
    ]
    for cls in error_classes():
        lines += ["", f"## `{cls.__name__}`", "", f"Code `{cls.code}`. {summary(cls)}", "", _engine(cls)]
    return page(lines)


def _engine(cls: type[errors.LienthongError]) -> str:
    for base in cls.__mro__:
        if base in ENGINE:
            return ENGINE[base] if base is cls else f"As `{base.__name__}`."
    raise errors.ConfigurationError(f"nothing is said about {cls.__name__}; {_NEW}")


def configuration_page() -> str:
    """Return the page of all settings of a hub."""
    lines = [
        "# Configuration",
        "",
        *generated("lienthong.config.models"),
        "Settings come from a YAML file: `--config FILE`, else `LIENTHONG_CONFIG`, else `lienthong.yaml` here.",
        "A variable of the environment wins over the file; two underscores go one level down.",
        "An unknown or wrong setting is refused before anything starts.",
        "Wherever a value may stand, `{from_file: PATH}` or `{from_env: NAME}` may stand instead.",
        "The settings of `connectors` belong to each connector, see [the connectors](connectors/).",
        "Only `limits` among them is the hub's own, see [limit calls to a target](../how-to/limit-calls.md).",
        "[Configure a hub](../how-to/configure.md) has a complete example.",
    ]
    for path, text, model in _hub_sections():
        lines += ["", f"## `{'.'.join(path) or 'lienthong.yaml'}`", "", text]
        texts = attribute_texts(model)
        for name, field in model.model_fields.items():
            if _model_in(field) is None:
                lines += ["", *_setting((*path, name), field, texts[name])]
    return page(lines)


def setting_names() -> list[str]:
    """Return the dotted names of all settings, sections included; ``NAME`` stands for a chosen name."""
    names = []
    for path, _, model in _hub_sections():
        names += [".".join(path)] if path else []
        names += [".".join((*path, name)) for name, field in model.model_fields.items() if _model_in(field) is None]
    return names


def _hub_sections() -> Iterator[tuple[tuple[str, ...], str, type[BaseModel]]]:
    yield from _sections(HubSettings, (), "Everything that one hub is told.")
    yield from _sections(TargetLimits, ("connectors", "NAME", "limits"), "What the connector's target allows.")


def _sections(
    model: type[BaseModel], path: tuple[str, ...], text: str
) -> Iterator[tuple[tuple[str, ...], str, type[BaseModel]]]:
    yield path, text, model
    texts = attribute_texts(model)
    for name, field in model.model_fields.items():
        inner = _model_in(field)
        if inner is not None:
            is_mapping = typing.get_origin(field.annotation) is dict
            yield from _sections(inner, (*path, name, "NAME") if is_mapping else (*path, name), texts[name])


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    candidates = (field.annotation, *typing.get_args(field.annotation))
    return next((each for each in candidates if inspect.isclass(each) and issubclass(each, BaseModel)), None)


def _setting(path: tuple[str, ...], field: FieldInfo, text: str) -> list[str]:
    lines = [f"### `{'.'.join(path)}`", "", text, "", f"Type {type_text(field)}; {default_text(field)}."]
    if "NAME" not in path and typing.get_origin(field.annotation) is not dict:
        lines.append(f"Variable `{ENVIRONMENT_PREFIX}{'__'.join(path).upper()}`.")
    return lines


def pipelines_page() -> str:
    """Return the page of installed pipelines and of the settings of a pipeline."""
    lines = [
        "# Pipelines",
        "",
        *generated("the YAML files of the installed packages"),
        "[Add a pipeline](../how-to/add-a-pipeline.md) shows how to declare one.",
        "",
        "## Installed pipelines",
    ]
    for name, pipeline in sorted(installed_definitions().items()):
        lines += ["", f"### `{name}`", "", pipeline.description.vi, "", f"{pipeline.description.en}.", ""]
        lines += table(("property", "value"), _pipeline_rows(pipeline))
    lines += ["", "## Settings of a pipeline", "", *_EXPLAINED]
    for path, text, model in _sections(PipelineDefinition, (), summary(PipelineDefinition)):
        title = f"`{'.'.join(path)}`" if path else "The file"
        lines += ["", f"### {title}", "", text, ""]
        texts = attribute_texts(model)
        rows = [
            (f"`{name}`", "section" if _model_in(field) else type_text(field), _default_cell(field), texts[name])
            for name, field in model.model_fields.items()
        ]
        lines += table(("setting", "type", "default", "meaning"), rows)
    return page(lines)


def _default_cell(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "" if _model_in(field) else default_text(field).removeprefix("default ")


def _pipeline_rows(pipeline: PipelineDefinition) -> list[tuple[str, str]]:
    step = pipeline.step
    connector = getattr(step, "connector", "")
    topic = getattr(step, "topic", "")
    kind = next(name for name in ("forward", "lookup", "deliver", "poll") if getattr(pipeline, name) is not None)
    rows = [
        ("sources", ", ".join(f"`{source}`" for source in pipeline.sources)),
        ("types", ", ".join(f"`{each}`" for each in pipeline.types) or "all"),
        ("step", f"`{kind}` ({pipeline.mode})"),
        ("connector", f"[`{connector}`](connectors/{connector}.md)" if connector else ""),
        ("to", f"`{topic}`" if topic else "the connector's target"),
        ("order", f"`{pipeline.order}`"),
        ("interval, overlap", _times(pipeline)),
        ("purpose", getattr(step, "purpose", "")),
        ("legal basis", getattr(step, "legal_basis", "")),
        ("`max_in_flight`", str(pipeline.policy.max_in_flight) if pipeline.mode == "remote" else ""),
        ("errors", f"`{pipeline.policy.errors.tolerance}`"),
    ]
    return [(title, value) for title, value in rows if value]


def _times(pipeline: PipelineDefinition) -> str:
    if pipeline.poll is None:
        return ""
    return f"`{format_duration(pipeline.poll.interval)}`, `{format_duration(pipeline.poll.overlap)}`"


def access_log_page() -> str:
    """Return the page of the access log's entries."""
    texts = attribute_texts(AccessEntry)
    rows = [(f"`{each.name}`", plain(each.type), texts[each.name]) for each in fields(AccessEntry)]
    lines = [
        "# Access log",
        "",
        *generated("lienthong.access_log"),
        "Every question about a citizen is two records of the topic [`access-log`](topics.md#access-log):",
        "the intent, acknowledged by Kafka before the question is asked,",
        "and the result, acknowledged before the answer is used.",
        "Without the intent there is no question.",
        "No field can hold a personal value: an entry that could is refused when it is built.",
        "[The ledger](../explanation/ledger.md#the-access-log) seals the entries in a hash chain.",
        "",
        *table(("field", "type", "meaning"), rows),
        "",
        'The value of the Kafka record is the JSON object `{"v": 1, "entry": {…}}`; its key is the dossier code.',
    ]
    return page(lines)
