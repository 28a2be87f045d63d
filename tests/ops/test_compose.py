"""docker-compose.yml, held to its schema, the settings, Kafka itself and the files that it names; without an engine."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it comes without types
import pytest
import yaml

from streams.kafka.jars import KAFKA_VERSION, resolve_jars
from streams.kafka.java import JVM_FLAGS
from streams.settings import Settings, flat_values, read_settings
from tests.ops.exported import OPS, PROJECT
from tests.support.shared_broker import JARS

SERVICES: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
PLAYFOLD = sorted(name for name, service in SERVICES.items() if service["image"].startswith("playfold:"))
WORKERS = sorted(name for name in PLAYFOLD if SERVICES[name]["command"][0] == "worker")
services = pytest.mark.parametrize("name", sorted(SERVICES))


def compose() -> dict[str, Any]:
    """Return the whole file, its anchors resolved."""
    document: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    return document


def scraped() -> dict[str, Any]:
    """Return the targets of Prometheus by the names of its jobs."""
    jobs = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
    return {job["job_name"]: job for job in jobs}


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """Return the mounts of a service: by the path inside, the source and whether it is read-only."""
    volumes = (volume.split(":") for volume in SERVICES[name].get("volumes", ()))
    return {inside: (source, "ro" in rest) for source, inside, *rest in volumes}


def image_settings() -> dict[str, str]:
    """Return the environment that the image has by itself."""
    text = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def settings_of(name: str) -> Settings:
    """Return the settings that playfold reads in a service."""
    return read_settings(image_settings() | SERVICES[name]["environment"])


def test_the_file_is_a_compose_file() -> None:
    """By the schema of the Compose specification; extensions and merged anchors included."""
    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    schema = json.loads((Path(spec.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())

    errors = jsonschema.Draft7Validator(schema).iter_errors(compose())

    assert [] == [f"{error.json_path}: {error.message}" for error in errors]


@services
def test_what_a_service_names_is_declared(name: str) -> None:
    """Volumes, networks, secrets and the services that it waits for; bind mounts are files of the repository."""
    whole, service = compose(), SERVICES[name]
    sources = [source for source, _ in mounts(name).values()]
    binds = [source for source in sources if source.startswith(("./", "/"))]

    assert set(sources) - set(binds) <= set(whole["volumes"])
    assert [] == [bind for bind in binds if not (PROJECT / bind).exists()]
    assert set(service.get("networks", ())) <= set(whole["networks"])
    assert set(service.get("secrets", ())) <= set(whole["secrets"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_what_is_declared_is_used() -> None:
    """A volume or a secret of nobody would be a name that somebody changed in one place."""
    whole = compose()
    sources = {source for name in SERVICES for source, _ in mounts(name).values()}
    listed = {key: {one for service in SERVICES.values() for one in service.get(key, ())} for key in whole}

    assert set(whole["volumes"]) <= sources
    assert set(whole["networks"]) == listed["networks"]
    assert set(whole["secrets"]) == listed["secrets"]


@services
def test_a_service_waits_for_what_can_happen(name: str) -> None:
    """A service with a check can be healthy; a service that ends can be completed."""
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other]["restart"] == "no"
        checked = not SERVICES[other].get("healthcheck", {}).get("disable")
        possible = {"service_completed_successfully"} if ends else {"service_healthy"} if checked else set()
        assert wanted["condition"] in possible


@services
def test_a_service_is_hardened(name: str) -> None:
    """No rights beyond its own user's, a read-only root but for Kafka, bounds on everything, ports for this machine."""
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]

    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert service.get("read_only", False) == (name != "kafka")
    assert {"cpus", "memory", "pids"} == set(limits)
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["restart"] == ("no" if name == "topics" else "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert not {"privileged", "network_mode", "pid", "cap_add", "env_file"} & set(service)


@services
def test_a_service_has_a_check_or_says_that_it_has_none(name: str) -> None:
    """That of a worker stands in the image."""
    check = SERVICES[name].get("healthcheck")

    if check is None:
        assert name in WORKERS
        assert "\nHEALTHCHECK " in (PROJECT / "Dockerfile").read_text()
    elif name in {"topics", "nightly"}:
        assert {"disable": True} == check
    else:
        assert {"test", "interval", "timeout", "retries", "start_period"} == set(check)


@services
def test_an_image_has_a_version(name: str) -> None:
    """The image `latest` is another one tomorrow."""
    _, _, tag = SERVICES[name]["image"].partition(":")

    assert tag
    assert tag != "latest"


def test_a_port_is_published_once() -> None:
    """By services on a network that reaches beyond the containers: an internal one would publish nothing."""
    ports = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())]
    published = {name for name, service in SERVICES.items() if service.get("ports")}

    assert len(ports) == len(set(ports))
    assert published == {name for name, service in SERVICES.items() if "front" in service["networks"]}
    assert compose()["networks"]["inside"]["internal"]


@pytest.mark.parametrize("name", PLAYFOLD)
def test_playfold_reads_the_settings_of_a_service(name: str) -> None:
    """Each is one that there is; all services agree on those that they have to agree on."""
    service_settings = settings_of(name)

    assert service_settings.kafka.brokers == "kafka:9092"
    agreed = ("brokers", "group", "partitions", "replication", "topic_prefix", "generation_store", "factors", "rule")
    for field in agreed:
        assert flat_values(settings_of("topics"))[field] == flat_values(service_settings)[field]


def test_services_keep_what_they_have_to_themselves() -> None:
    """An instance and a data folder each; the kernels and the generations are everybody's."""
    residents = [name for name in PLAYFOLD if name != "topics"]
    instances = [settings_of(name).application.instance for name in residents]
    folders = [mounts(name)[settings_of(name).application.data_dir][0] for name in residents]

    assert len(residents) == len(set(instances))
    assert len(residents) == len(set(folders))
    assert {image_settings()["NUMBA_CACHE_DIR"]} <= {path for name in PLAYFOLD for path in mounts(name)}


def test_generations_are_shared_and_written_by_the_night_alone() -> None:
    """Workers and the gateway open the generations that it published."""
    stores = {name: mounts(name)[settings_of(name).generations.store] for name in PLAYFOLD if name != "topics"}

    assert {"nightly"} == {name for name, (_, read_only) in stores.items() if not read_only}
    assert {"generations"} == {source for source, _ in stores.values()}


def test_prometheus_asks_every_worker_and_the_gateway() -> None:
    """At the address and the port that they serve, with the token and under a name that the gateway answers to."""
    workers, gateway = scraped()["playfold-worker"], scraped()["playfold-gateway"]
    expected = [f"{name}:{settings_of(name).telemetry.metrics_port}" for name in WORKERS]
    [target] = gateway["static_configs"][0]["targets"]
    host, port = target.split(":")
    service_settings = settings_of("gateway")

    assert expected == workers["static_configs"][0]["targets"]
    assert ["0.0.0.0"] * len(WORKERS) == [settings_of(name).telemetry.metrics_host for name in WORKERS]  # noqa: S104
    assert "gateway" == host
    assert service_settings.gateway.port == int(port)
    assert host in service_settings.gateway.hosts.split(",")
    secret = Path(gateway["authorization"]["credentials_file"])
    assert str(secret) == service_settings.gateway.token_file
    assert secret.name in SERVICES["prometheus"]["secrets"]
    assert secret.name in SERVICES["gateway"]["secrets"]


def test_prometheus_and_grafana_find_their_files() -> None:
    """Rules and configuration where Prometheus looks, provisioning and dashboards where Grafana does."""
    prometheus, grafana = mounts("prometheus"), mounts("grafana")
    rules = yaml.safe_load((OPS / "prometheus.yml").read_text())["rule_files"]
    provisioning = OPS / "grafana" / "provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "playfold.yml").read_text())["providers"]
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    flags = dict(flag.removeprefix("--").split("=") for flag in SERVICES["prometheus"]["command"])

    assert all(path in prometheus for path in [*rules, flags["config.file"], flags["storage.tsdb.path"]])
    assert "./ops/grafana/provisioning" == grafana["/etc/grafana/provisioning"][0]
    assert "./ops/grafana/dashboards" == grafana[provider["options"]["path"]][0]
    assert source["url"].removeprefix("http://").split(":")[0] in SERVICES
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (PROJECT / grafana[str(home.parent)][0] / home.name).is_file()


def test_secrets_are_files_that_git_ignores() -> None:
    """And none stands in the file itself."""
    files = {name: secret["file"] for name, secret in compose()["secrets"].items()}
    configured = [value for service in SERVICES.values() for value in service.get("environment", {}).values()]

    assert all(file.startswith("./var/") for file in files.values())
    assert "var/" in (PROJECT / ".gitignore").read_text().splitlines()
    paths = {value for value in configured if str(value).startswith("/run/secrets/")}
    assert {f"/run/secrets/{name}" for name in files} == paths


def test_kafka_is_the_version_that_is_tested() -> None:
    """The same as the embedded one."""
    assert f"apache/kafka:{KAFKA_VERSION}" == SERVICES["kafka"]["image"]


def set_up_kafka(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Have the program of Kafka's image make a configuration of an environment, and format the storage with it."""
    for name in ("default", "mounted", "final"):
        (folder / name).mkdir()
    (folder / "default" / "server.properties").write_text("process.roles=left.aside\n")
    class_path = ":".join(map(str, resolve_jars(JARS)))
    command = ["java", *JVM_FLAGS, "-cp", class_path, "kafka.docker.KafkaDockerWrapper", "setup"]
    command += [f"--{name}-configs-dir={folder / name}" for name in ("default", "mounted", "final")]
    inherited = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.processes
def test_kafka_takes_its_environment(tmp_path: Path) -> None:
    """The program that starts the image turns it into properties, by which Kafka's own tool formats the volume."""
    environment = SERVICES["kafka"]["environment"] | {"KAFKA_LOG_DIRS": str(tmp_path / "data")}

    ended = set_up_kafka(tmp_path, environment)

    assert 0 == ended.returncode, ended.stderr + ended.stdout
    meta = (tmp_path / "data" / "meta.properties").read_text()
    assert f"cluster.id={environment['CLUSTER_ID']}" in meta
    lines = (tmp_path / "final" / "server.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines if "=" in line)
    assert "INSIDE://kafka:9092,HOST://127.0.0.1:19092" == properties["advertised.listeners"]
    assert "false" == properties["auto.create.topics.enable"]


def test_kafka_keeps_everything_on_its_volume() -> None:
    """Its default would be a folder of the container, gone with it."""
    folder = SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]

    assert ("kafka", False) == mounts("kafka")[folder]


def test_what_matters_in_the_embedded_broker_matters_here() -> None:
    """Every property of it is in the environment too, but for ports, places and properties of tests."""
    lines = (PROJECT / "streams" / "kafka" / "broker.properties").read_text().splitlines()
    embedded = {line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    only_embedded = {
        "num.network.threads",
        "num.io.threads",
        "group.min.session.timeout.ms",
        "broker.heartbeat.interval.ms",
        "broker.session.timeout.ms",
    }

    configured = {key.removeprefix("KAFKA_").lower().replace("_", ".") for key in SERVICES["kafka"]["environment"]}

    assert embedded - only_embedded <= configured


def test_clients_on_this_machine_reach_kafka() -> None:
    """At the port that is published, which is playfold's default."""
    environment = SERVICES["kafka"]["environment"]

    assert "127.0.0.1:19092:19092" in SERVICES["kafka"]["ports"]
    assert f"HOST://{Settings().kafka.brokers}" in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert "HOST://:19092" in environment["KAFKA_LISTENERS"].split(",")
