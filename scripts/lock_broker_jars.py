"""Writes the list of jars that the embedded Kafka broker runs from, each with its SHA-256.

Run it to move to another Kafka: ``python scripts/lock_broker_jars.py --kafka-version 4.4.0``.
The dependencies come from Maven's own metadata, so review the difference before committing it.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13"
LOGGING = "org.apache.logging.log4j"
LOCK_FILE = Path(__file__).parents[1] / "hub" / "lienthong" / "kafka" / "broker-jars.lock"


def resolve(kafka_version: str, cache: Path) -> dict[str, Path]:
    """Return every jar that the broker needs at run time, by coordinate.

    Args:
        kafka_version: Such as ``4.4.0``.
        cache: Where the jars are downloaded to.
    """
    context = MavenContext(repo_cache=cache)
    broker = context.create_dependency(f"{KAFKA}:{kafka_version}")
    _, nodes = context.resolver.get_dependency_list([broker])
    dependencies = [broker, *(node.dep for node in nodes)]
    log4j = next(item.version for item in dependencies if (item.groupId, item.artifactId) == (LOGGING, "log4j-core"))
    # Kafka logs through SLF4J 1.7 and leaves the choice of the binding to the distribution.
    dependencies.append(context.create_dependency(f"{LOGGING}:log4j-slf4j-impl:{log4j}"))
    return {f"{item.groupId}:{item.artifactId}:{item.version}": item.artifact.resolve() for item in dependencies}


def main() -> None:
    """Write the lock file."""
    parser = argparse.ArgumentParser(description="Lock the jars of the embedded Kafka broker.")
    parser.add_argument("--kafka-version", default="4.4.0")
    kafka_version = parser.parse_args().kafka_version
    with tempfile.TemporaryDirectory() as cache:
        jars = resolve(kafka_version, Path(cache))
        lines = [f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for name, path in sorted(jars.items())]
    header = f"# Apache Kafka {kafka_version}: coordinate and SHA-256; written by scripts/lock_broker_jars.py"
    LOCK_FILE.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    print(f"{LOCK_FILE.name}: {len(lines)} jars")


if __name__ == "__main__":
    main()
