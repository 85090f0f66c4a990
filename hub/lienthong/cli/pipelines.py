"""``lienthong pipelines``: what runs between the topics."""

from pathlib import Path

import click

from lienthong.errors import ConfigurationError


@click.group()
def pipelines() -> None:
    """List, check and run pipelines."""


@pipelines.command("list")
@click.pass_obj
def list_pipelines(config_file: Path | None) -> None:
    """Show every pipeline with its sources, step and target."""
    from lienthong.config.loader import load
    from lienthong.pipeline.definitions import load_pipelines
    from lienthong.topic_names import TopicNames

    settings = load(config_file)
    for pipeline in load_pipelines(TopicNames(settings.province), settings.environment).values():
        definition = pipeline.definition
        step = definition.step
        target = getattr(step, "connector", None) or getattr(step, "topic", "")
        origin = ", ".join(definition.sources)
        if definition.poll is not None:
            origin, target = definition.poll.connector, definition.poll.topic
        click.echo(f"{definition.name:<20} {definition.mode:<7} {origin} → {target}")
        click.echo(f"{'':<20} {definition.description.vi}")


@pipelines.command("lint")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def lint_pipelines(config_file: Path | None, file: Path | None) -> None:
    """Check all pipelines and every configured connector, or one FILE of either kind, without starting anything."""
    from lienthong.config.loader import config_path, load
    from lienthong.config.yaml_lines import YamlLines
    from lienthong.connector import ConnectorSpec
    from lienthong.pipeline.connector_lint import lint_connectors, lint_kind, lint_spec
    from lienthong.pipeline.definitions import installed_definitions, lint, read_definition
    from lienthong.plugins import load_all
    from lienthong.registry.topics import TopicCatalogue
    from lienthong.topic_names import TopicNames

    is_hub = file is not None and _is_hub(YamlLines(_text(file), str(file)).document())
    chosen = file if is_hub else config_file
    settings = load(chosen)
    catalogue = TopicCatalogue.installed(TopicNames(settings.province), settings.environment)
    topics = {topic.name: topic for topic in catalogue}
    specs: dict[str, ConnectorSpec] = load_all("lienthong.connectors")
    problems: list[str] = []
    if file is not None and not is_hub:
        definition = read_definition(_text(file), str(file))
        found = {definition.name: definition}
    else:
        found = installed_definitions()
        problems += [problem for spec in specs.values() for problem in lint_spec(spec)]
        path = config_path(chosen)
        lines = YamlLines(_text(path), str(path)) if path is not None else YamlLines("", "environment")
        problems += lint_connectors(settings, lines)
    for name, item in found.items():
        problems += [f"{name}: {problem}" for problem in (*lint(item, topics, specs), *lint_kind(item, specs))]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)
    click.echo(f"{len(found)} pipelines, nothing wrong")


def _is_hub(document: object) -> bool:
    """Return whether a file configures a hub, and so what is called there, rather than one pipeline."""
    from lienthong.config.models import HubSettings

    return isinstance(document, dict) and "sources" not in document and bool(HubSettings.model_fields.keys() & document)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is no UTF-8 text; save it as UTF-8") from None


@pipelines.command("run")
@click.argument("name")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Gets one JSON line when the worker is at work.")
@click.pass_obj
def run_pipeline(config_file: Path | None, name: str, ready_file: Path | None) -> None:
    """Run the pipeline NAME until SIGTERM; a second signal exits at once."""
    from lienthong.config.loader import load
    from lienthong.observability.logs import configure
    from lienthong.pipeline.definitions import load_pipelines
    from lienthong.pipeline.worker import run
    from lienthong.registry.topics import TopicCatalogue
    from lienthong.topic_names import TopicNames

    settings = load(config_file)
    configure(settings.log)
    names = TopicNames(settings.province)
    catalogue = TopicCatalogue.installed(names, settings.environment)
    known = load_pipelines(names, settings.environment, catalogue)
    if name not in known:
        raise ConfigurationError(f"there is no pipeline {name!r}; there is: {', '.join(sorted(known))}")
    run(settings, known[name], ready_file, catalogue=catalogue)
