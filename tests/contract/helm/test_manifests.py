"""What the chart renders for each example of values."""

from pathlib import Path

import pytest
import yaml

from lienthong.config.loader import load
from lienthong.plugins import load_one

pytestmark = pytest.mark.helm
_CHART = Path(__file__).parents[3] / "helm" / "lienthong"
_EXAMPLES = sorted((_CHART / "ci").glob("*.yaml"))
_SECRET_FOLDER = "/etc/lienthong/secrets/"


@pytest.fixture(params=_EXAMPLES, ids=lambda path: path.stem)
def example(request):
    """Give each example of values in turn."""
    return request.param


@pytest.fixture
def values(example):
    """Give the example laid over the defaults, at the first level."""
    defaults = yaml.safe_load((_CHART / "values.yaml").read_text(encoding="utf-8"))
    return defaults | yaml.safe_load(example.read_text(encoding="utf-8"))


@pytest.fixture
def objects(render, example):
    """Give everything that is rendered for the example."""
    return render(example)


def _of_kind(objects, *kinds):
    return {item["metadata"]["name"]: item for item in objects if item["kind"] in kinds}


def _pods(objects):
    for item in objects:
        if item["kind"] in {"Deployment", "Job"}:
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]
        elif item["kind"] == "Pod":
            yield item["metadata"]["name"], item["spec"]


def test_lint_is_clean(helm, chart, example):
    """Helm's own lint accepts the chart with each example, warnings included."""
    result = helm("lint", chart, "--strict", "--values", example)

    assert result.returncode == 0, result.stdout


def test_every_pipeline_has_its_deployment(objects, values):
    """One slow target never holds another back: each pipeline runs on its own, under its own name."""
    deployments = _of_kind(objects, "Deployment")

    for pipeline in values["pipelines"]:
        spec = deployments[f"hub-lienthong-{pipeline['name']}"]["spec"]
        container = spec["template"]["spec"]["containers"][0]
        assert pipeline["replicas"] == spec["replicas"]
        assert container["command"] == ["lienthong"]
        assert ["pipelines", "run", pipeline["name"]] == container["args"]
    assert len(values["pipelines"]) + 2 == len(deployments)


def test_ledger_is_one_process(objects):
    """The projection has a single writer, also during an upgrade."""
    spec = _of_kind(objects, "Deployment")["hub-lienthong-ledger"]["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert spec["template"]["spec"]["containers"][0]["args"] == ["ledger", "run"]


def test_service_reaches_the_gateway(objects):
    """The service selects the gateway's pods, and nothing else, by a port that they have."""
    deployment = _of_kind(objects, "Deployment")["hub-lienthong-gateway"]["spec"]
    service = _of_kind(objects, "Service")["hub-lienthong-gateway"]["spec"]
    ports = {port["name"] for port in deployment["template"]["spec"]["containers"][0]["ports"]}
    selected = [
        item["metadata"]["name"]
        for item in objects
        if item["kind"] == "Deployment"
        and service["selector"].items() <= item["spec"]["template"]["metadata"]["labels"].items()
    ]

    assert selected == ["hub-lienthong-gateway"]
    assert {port["targetPort"] for port in service["ports"]} <= ports


def test_selectors_do_not_overlap(objects):
    """No Deployment takes over the pods of another."""
    deployments = [item["spec"] for item in objects if item["kind"] == "Deployment"]

    for spec in deployments:
        selector = spec["selector"]["matchLabels"].items()
        matched = [other for other in deployments if selector <= other["template"]["metadata"]["labels"].items()]
        assert [spec] == matched


def test_processes_are_probed_on_the_metrics_port(objects):
    """Kubernetes restarts what is stuck and sends work only to what is ready."""
    for deployment in _of_kind(objects, "Deployment").values():
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        paths = [container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")]
        assert [{"path": path, "port": "metrics"} for path in ("/livez", "/livez", "/readyz")] == paths
        assert {"name": "metrics", "containerPort": 9464} in container["ports"]


def test_pods_have_no_rights(objects):
    """A process that is taken over can change neither its image, nor the node, nor the cluster."""
    for name, pod in _pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        # Variables of services named lienthong-… would be taken for settings.
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"]["drop"] == ["ALL"]


def test_resources_and_grace_are_set(objects):
    """No process can eat a node, and each has time to finish what is in flight."""
    for name, pod in _pods(objects):
        resources = pod["containers"][0]["resources"]
        assert {"cpu", "memory"} == set(resources["requests"]), name
        assert "memory" in resources["limits"]
        assert pod["terminationGracePeriodSeconds"] >= 30


def test_images_are_pinned(objects):
    """What runs tomorrow is what was tested today."""
    for _, pod in _pods(objects):
        image = pod["containers"][0]["image"]
        assert not image.endswith(":latest")
        assert "@sha256:" in image or ":" in image.rsplit("/", 1)[-1]


def test_disruption_budget_for_what_has_copies(objects):
    """Draining a node takes one copy at a time; a single copy must not block the drain."""
    budgets = set(_of_kind(objects, "PodDisruptionBudget"))
    deployments = _of_kind(objects, "Deployment")

    assert budgets == {name for name, item in deployments.items() if item["spec"]["replicas"] > 1}


def test_configuration_loads_with_the_secrets_that_are_mounted(objects, tmp_path):
    """Loader and connectors accept every process's configuration, with only its own secrets mounted."""
    maps = _of_kind(objects, "ConfigMap")
    for name, pod in _pods(objects):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        source = volumes["config"]["configMap"]
        text = maps[source["name"]]["data"][source["items"][0]["key"]]
        root = tmp_path / name
        mounted = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
        _create_secret_files(yaml.safe_load(text), mounted, root)
        file = root / "lienthong.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("/etc/lienthong/", f"{root}/etc/lienthong/"), encoding="utf-8")

        settings = load(file, {})
        assert settings.province == "hue"
        assert settings.metrics_port == 9464
        for connector, config in settings.connectors.items():
            assert load_one("lienthong.connectors", connector).config.model_validate(config)


def _create_secret_files(tree, mounted, root):
    if isinstance(tree, dict) and set(tree) == {"from_file"}:
        folder = str(Path(tree["from_file"]).parent)
        if folder in mounted:
            (root / folder.removeprefix("/")).mkdir(parents=True, exist_ok=True)
            (root / tree["from_file"].removeprefix("/")).write_text("generated", encoding="utf-8")
    elif isinstance(tree, dict):
        for value in tree.values():
            _create_secret_files(value, mounted, root)


def test_only_users_of_a_connector_get_its_secret(render):
    """A taken-over intake cannot call the population database."""
    objects = render(_CHART / "ci" / "production.yaml")
    mounts = {
        name: {
            mount["mountPath"].removeprefix(_SECRET_FOLDER)
            for mount in pod["containers"][0]["volumeMounts"]
            if mount["mountPath"].startswith(_SECRET_FOLDER)
        }
        for name, pod in _pods(objects)
    }

    assert {
        "hub-lienthong-intake": {"kafka", "pseudonym"},
        "hub-lienthong-intake-bulk": {"kafka", "pseudonym"},
        "hub-lienthong-verify-dossier": {"kafka", "pseudonym", "population"},
        "hub-lienthong-deliver-dossier": {"kafka", "pseudonym", "portal"},
        "hub-lienthong-link-verification": {"kafka", "pseudonym"},
        "hub-lienthong-gateway": {"kafka", "pseudonym", "ledger"},
        "hub-lienthong-ledger": {"kafka", "ledger"},
        "hub-lienthong-topics": {"kafka"},
        "hub-lienthong-test-topics": {"kafka"},
    } == mounts


def test_pods_that_share_a_limit_count_in_one_place(render):
    """Each pod counting for itself would send the target as many times its limit as there are pods."""
    limit = "connectors.portal.config.limits.budget.daily=1000"
    objects = render(_CHART / "ci" / "production.yaml", "--set", limit)
    (config,) = [each for each in _of_kind(objects, "ConfigMap").values() if "gateway.yaml" in each.get("data", {})]
    told = {name: yaml.safe_load(text) for name, text in config["data"].items() if name.startswith("pipeline-")}
    pods = {name.removeprefix("hub-lienthong-"): str(pod) for name, pod in _pods(objects)}

    sharing = {name for name, each in told.items() if "ledger" in each}
    assert sharing == {"pipeline-deliver-dossier.yaml"}
    shared = told["pipeline-deliver-dossier.yaml"]["ledger"]
    assert shared == yaml.safe_load(config["data"]["gateway.yaml"])["ledger"]
    assert f"{_SECRET_FOLDER}ledger" in pods["deliver-dossier"]
    assert f"{_SECRET_FOLDER}ledger" not in pods["verify-dossier"]


def test_a_gateway_with_a_counter_gets_what_it_asks(render):
    """The gateway has the configuration and the secret of the connectors that officials may ask, and of no other."""
    asked = "gateway.lookups.population.purposes.reception=ND-118-2025"
    objects = render(_CHART / "ci" / "production.yaml", "--set", asked)
    mounts = {
        mount["mountPath"].removeprefix(_SECRET_FOLDER)
        for name, pod in _pods(objects)
        for mount in pod["containers"][0]["volumeMounts"]
        if name == "hub-lienthong-gateway" and mount["mountPath"].startswith(_SECRET_FOLDER)
    }
    (config,) = [each for each in _of_kind(objects, "ConfigMap").values() if "gateway.yaml" in each.get("data", {})]
    told = yaml.safe_load(config["data"]["gateway.yaml"])

    assert mounts == {"kafka", "pseudonym", "ledger", "population"}
    assert told["gateway"]["lookups"] == {"population": {"purposes": {"reception": "ND-118-2025"}}}
    assert set(told["connectors"]) == {"population"}


def test_no_secret_object_and_no_secret_variable(objects):
    """Secrets exist outside the chart: neither a Secret object nor a variable carries one."""
    assert _of_kind(objects, "Secret") == {}
    for _, pod in _pods(objects):
        assert [variable["name"] for variable in pod["containers"][0]["env"]] == ["LIENTHONG_CONFIG"]


def test_topics_are_applied_before_anything_runs(render):
    """New topics exist before a process that needs them, and a failed run stops the upgrade."""
    objects = render(_CHART / "ci" / "production.yaml")
    job = _of_kind(objects, "Job")["hub-lienthong-topics"]
    config = _of_kind(objects, "ConfigMap")["hub-lienthong-topics"]

    for item in (job, config):
        assert item["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    weights = [int(item["metadata"]["annotations"]["helm.sh/hook-weight"]) for item in (config, job)]
    assert sorted(weights) == weights
    assert weights[0] < weights[1]
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["topics", "apply"]
    # The account of the chart does not exist yet when the hook runs.
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "default"


def test_changed_configuration_restarts_its_own_pods_only(render):
    """A new portal address restarts the pipeline that uses it and leaves the others alone."""
    minimal = _CHART / "ci" / "minimal.yaml"
    before = _of_kind(render(minimal), "Deployment")
    after = _of_kind(
        render(minimal, "--set-string", "connectors.portal.config.base_url=http://other:8080"), "Deployment"
    )

    assert [name for name in sorted(before) if before[name] != after[name]] == ["hub-lienthong-deliver-dossier"]


def test_optional_objects(render):
    """Network policy and service monitor come when asked for, and only then."""
    production = render(_CHART / "ci" / "production.yaml")
    minimal = render(_CHART / "ci" / "minimal.yaml")

    assert {"hub-lienthong", "hub-lienthong-gateway"} == set(_of_kind(production, "NetworkPolicy"))
    assert {"hub-lienthong"} == set(_of_kind(production, "ServiceMonitor"))
    assert _of_kind(minimal, "NetworkPolicy", "ServiceMonitor") == {}


def test_long_release_names_stay_within_kubernetes_limits(helm, chart):
    """Names and labels of any release fit the 63 characters that Kubernetes allows."""
    result = helm("template", "r" * 53, chart, "--values", _CHART / "ci" / "minimal.yaml")
    documents = [document for document in yaml.safe_load_all(result.stdout) if document]

    assert [item["metadata"]["name"] for item in documents if len(item["metadata"]["name"]) > 63] == []
