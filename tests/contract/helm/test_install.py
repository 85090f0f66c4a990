"""The chart on a real Kubernetes API server; its controllers run, its pods stay pending because there is no node."""

import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

pytestmark = [pytest.mark.kubernetes, pytest.mark.helm, pytest.mark.timeout(300)]
_ROOT = Path(__file__).parents[3]
_CHART = _ROOT / "helm" / "lienthong"
_SCRIPT = _ROOT / "scripts" / "kubernetes_control_plane.sh"
_PRODUCTION = _CHART / "ci" / "production.yaml"
_MINIMAL = _CHART / "ci" / "minimal.yaml"
#: The Prometheus operator's types do not exist in a plain API server.
_PLAIN = ("--set", "serviceMonitor.enabled=false")
_MERGE = {"Content-Type": "application/merge-patch+json"}


class Cluster:
    """A Kubernetes API server.

    Args:
        folder: Where its kubeconfig and certificates are.
    """

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "kubeconfig"
        tree = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        server = tree["clusters"][0]["cluster"]
        context = ssl.create_default_context(cafile=server["certificate-authority"])
        headers = {"Authorization": f"Bearer {tree['users'][0]['user']['token']}"}
        self.http = httpx.Client(base_url=server["server"], headers=headers, verify=context)

    def items(self, path: str) -> dict[str, Any]:
        """Return the objects under a path by name.

        Args:
            path: Path of a list in the API.
        """
        answer = self.http.get(path)
        answer.raise_for_status()
        return {item["metadata"]["name"]: item for item in answer.json()["items"]}

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Return the first true value of a condition, asked ten times a second for 30 s.

        Args:
            condition: What to ask.
        """
        pause = threading.Event()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            pause.wait(0.1)
        raise AssertionError("the cluster did not get there within 30 s")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start a control plane of this module alone, or skip with the reason."""
    folder = os.environ.get("LIENTHONG_KUBERNETES_DIR", "")
    if not folder or not (Path(folder) / "kube-apiserver").exists():
        pytest.skip(
            "no Kubernetes API server: run `scripts/kubernetes_control_plane.sh build DIR` and set "
            "LIENTHONG_KUBERNETES_DIR=DIR"
        )
    for program in ("etcd", "openssl", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} (Debian: etcd-server, openssl, curl)")
    subprocess.run([_SCRIPT, "up", folder], check=True, timeout=120)
    running = Cluster(Path(folder))
    try:
        yield running
    finally:
        running.http.close()
        subprocess.run([_SCRIPT, "down", folder], check=True, timeout=60)


@pytest.fixture
def namespace(cluster: Cluster, unique_name: Callable[[str], str]) -> str:
    """Make a namespace of this test alone."""
    name = unique_name("hub")
    cluster.http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    path = f"/api/v1/namespaces/{name}/serviceaccounts"
    cluster.wait_for(lambda: "default" in cluster.items(path))
    return name


@pytest.fixture
def installer(helm, cluster: Cluster, namespace: str):
    """Give helm, bound to the cluster and namespace."""

    def run(action: str, *arguments: str | Path):
        return helm(action, *arguments, "--namespace", namespace, "--kubeconfig", cluster.kubeconfig)

    return run


#: One for each pipeline, the gateway and the ledger, with the replicas of the production values.
_EXPECTED = {
    "hub-lienthong-intake": 3,
    "hub-lienthong-intake-bulk": 1,
    "hub-lienthong-verify-dossier": 2,
    "hub-lienthong-deliver-dossier": 3,
    "hub-lienthong-link-verification": 1,
    "hub-lienthong-gateway": 3,
    "hub-lienthong-ledger": 1,
}


def _deployments(cluster: Cluster, namespace: str) -> dict[str, int]:
    found = cluster.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    return {name: item["spec"]["replicas"] for name, item in found.items()}


def test_install_upgrade_and_uninstall(installer, cluster, namespace):
    """A hub comes, grows and goes again, and nothing of it is left."""
    installed = installer("install", "hub", _CHART, "--values", _PRODUCTION, *_PLAIN, "--no-hooks")
    assert installed.returncode == 0, installed.stderr
    assert _deployments(cluster, namespace) == _EXPECTED
    pods = f"/api/v1/namespaces/{namespace}/pods"
    cluster.wait_for(lambda: len(cluster.items(pods)) == sum(_EXPECTED.values()))

    values = {"gateway.replicas": 2, "log.level": "warning"}
    changes = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    upgraded = installer("upgrade", "hub", _CHART, "--values", _PRODUCTION, *_PLAIN, *changes, "--no-hooks")
    assert upgraded.returncode == 0, upgraded.stderr
    assert _deployments(cluster, namespace)["hub-lienthong-gateway"] == 2

    removed = installer("uninstall", "hub", "--no-hooks")
    assert removed.returncode == 0, removed.stderr
    assert _deployments(cluster, namespace) == {}
    for path in ("configmaps", "services", "serviceaccounts", "secrets"):
        found = cluster.items(f"/api/v1/namespaces/{namespace}/{path}")
        assert [name for name in found if "lienthong" in name] == []


def test_topics_are_applied_before_the_hub_starts(installer, cluster, namespace):
    """Until the job that applies topics has succeeded, no process of the hub exists."""
    results = []
    install = threading.Thread(
        target=lambda: results.append(installer("install", "hub", _CHART, "--values", _PRODUCTION, *_PLAIN))
    )
    install.start()
    pods = f"/api/v1/namespaces/{namespace}/pods"
    names = cluster.wait_for(lambda: list(cluster.items(pods)))
    before = _deployments(cluster, namespace)
    finished = {"status": {"phase": "Succeeded"}}
    cluster.http.patch(f"{pods}/{names[0]}/status", json=finished, headers=_MERGE).raise_for_status()
    install.join(timeout=60)

    assert names[0].startswith("hub-lienthong-topics-")
    assert before == {}
    assert results[0].returncode == 0, results[0].stderr
    assert _deployments(cluster, namespace) == _EXPECTED


@pytest.mark.parametrize("values", [_PRODUCTION, _MINIMAL], ids=lambda path: path.stem)
def test_server_accepts_every_object_strictly(render, cluster, namespace, values):
    """The API server knows every field of every object, hooks included; an unknown one would be refused."""
    places = {
        "ConfigMap": "/api/v1/namespaces/{}/configmaps",
        "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
        "Job": "/apis/batch/v1/namespaces/{}/jobs",
        "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
        "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
        "Service": "/api/v1/namespaces/{}/services",
        "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    }
    objects = [item for item in render(values, *_PLAIN) if item["kind"] in places]
    for item in objects:
        path = places[item["kind"]].format(namespace)
        answer = cluster.http.post(path, params={"dryRun": "All", "fieldValidation": "Strict"}, json=item)
        assert answer.status_code == 201, f"{item['kind']} {item['metadata']['name']}: {answer.text}"


def test_server_refuses_an_unknown_field(render, cluster, namespace):
    """The strict check above would notice a misspelled field."""
    deployment = next(item for item in render(_MINIMAL) if item["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    answer = cluster.http.post(path, params={"dryRun": "All", "fieldValidation": "Strict"}, json=deployment)

    assert answer.status_code == 400
    assert "unknown field" in answer.text


@pytest.mark.parametrize("setting", ["gateway.replicas=many", "environment=staging", "kafka.bootstrapServers=kafka"])
def test_wrong_values_create_nothing(installer, cluster, namespace, setting):
    """An install with wrong values fails before the first object exists."""
    result = installer("install", "hub", _CHART, "--values", _MINIMAL, "--set", setting)

    assert result.returncode != 0
    assert _deployments(cluster, namespace) == {}


def test_pods_meet_the_restricted_standard(installer, cluster, namespace):
    """A namespace that enforces Kubernetes' strictest pod standard takes the hub's pods."""
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.http.patch(f"/api/v1/namespaces/{namespace}", json=labels, headers=_MERGE).raise_for_status()
    result = installer("install", "hub", _CHART, "--values", _MINIMAL)
    assert result.returncode == 0, result.stderr
    assert "would violate PodSecurity" not in result.stderr

    expected = sum(_deployments(cluster, namespace).values())
    cluster.wait_for(lambda: len(cluster.items(f"/api/v1/namespaces/{namespace}/pods")) == expected)
