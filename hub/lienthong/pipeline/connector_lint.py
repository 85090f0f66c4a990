"""What cannot work in the configuration and the declaration of connectors, told before anything is started."""

from collections.abc import Mapping

from pydantic import ValidationError

from lienthong.config.models import HubSettings
from lienthong.config.yaml_lines import YamlLines, explain
from lienthong.connector import ConnectorSpec, Effect, Sink
from lienthong.errors import PluginError
from lienthong.limits.policy import TargetLimits
from lienthong.pipeline.compose import kind_of
from lienthong.pipeline.definitions import ForwardStep, PipelineDefinition
from lienthong.plugins import load_one
from lienthong.targets.connectors import LIMITS_KEY

_SECTION = "connectors"


def lint_connectors(settings: HubSettings, lines: YamlLines) -> list[str]:
    """Return what is wrong in every configured connector: settings, ``on_status`` and limits.

    Args:
        settings: The hub's configuration.
        lines: The file that it came from.
    """
    problems: list[str] = []
    for name, values in sorted(settings.connectors.items()):
        place = (_SECTION, name)
        try:
            spec: ConnectorSpec = load_one("lienthong.connectors", name)
        except PluginError as error:
            problems.append(f"{lines.origin}:{lines.line(place)}: {_SECTION}.{name}: {error}")
            continue
        own = {key: value for key, value in values.items() if key != LIMITS_KEY}
        try:
            spec.config.model_validate(own)
        except ValidationError as error:
            problems += explain(error, spec.config, lines, place, further=(LIMITS_KEY,))
        try:
            TargetLimits.model_validate(values.get(LIMITS_KEY) or {})
        except ValidationError as error:
            problems += explain(error, TargetLimits, lines, (*place, LIMITS_KEY))
    return problems


def lint_kind(definition: PipelineDefinition, specs: Mapping[str, ConnectorSpec]) -> list[str]:
    """Return whether a pipeline names a connector that cannot do its step.

    Args:
        definition: As declared.
        specs: Name → what is installed.
    """
    step = definition.step
    if isinstance(step, ForwardStep):
        copied = specs.get(step.copies_for)
        if copied is None or copied.subscribers is not None:
            return []
        return [f"connector {copied.name}: has no subscribers for whom records could be copied"]
    if step.connector not in specs:
        return []
    wanted = kind_of(step)
    fitting = ", ".join(sorted(name for name, spec in specs.items() if spec.kind is wanted)) or "none"
    found = specs[step.connector].kind
    if found is wanted:
        return []
    return [f"connector {step.connector}: is a {found.value}, not a {wanted.value}; there is: {fitting}"]


def lint_spec(spec: ConnectorSpec) -> list[str]:
    """Return what contradicts itself in what a connector declares.

    Args:
        spec: What its package offers.
    """
    problems = [
        f"connector {spec.name}: the operation {operation} of {record_type} declares no effect"
        for record_type, operation in sorted(spec.operations.items())
        if operation not in spec.effects
    ]
    problems += [
        f"connector {spec.name}: {record_type} has an operation and is not accepted"
        for record_type in sorted(set(spec.operations) - spec.accepts)
    ]
    sink = spec.factory if isinstance(spec.factory, type) and issubclass(spec.factory, Sink) else None
    if Effect.QUERY_BEFORE_WRITE in spec.effects.values() and sink is not None and sink.was_done is Sink.was_done:
        problems.append(f"connector {spec.name}: query_before_write needs was_done, which asks the target")
    return problems
