"""compose.yaml and what it mounts: valid, pinned, closed to others, without a secret."""

import json
import re
import stat
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML
from tests.compose.composed import ROOT, VariableMissing, document, stages
from tests.compose.dashboards import FOLDER, dashboards, queries
from tests.compose.page import MAKES_SECRETS

from apibench import __version__

FILE = document()
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
SECRETS = ("APIBENCH_TOKEN", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD")


def mounted() -> dict[Path, str]:
    """Files of the repository, and where they are mounted."""
    found = {}
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                found[ROOT / source] = target
    return found


def test_it_is_as_the_specification_of_compose_has_it() -> None:
    place = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(place)).read_text())
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(FILE)] == []
    assert not validator.is_valid(FILE | {"services": {"a": {"image": "a", "read_onyl": True}}})


def test_every_image_is_of_one_version_and_ours_are_built_by_their_target() -> None:
    for name, service in SERVICES.items():
        image, _, version = service["image"].partition(":")
        assert re.fullmatch(r"v?\d+\.\d+\.\d+(-pg\d+)?", version), name
        if "build" in service:
            target = service["build"]["target"]
            assert (image, version) == (f"api-benchmark-{target}", __version__)
            assert target in stages()
            assert service["pull_policy"] == "build"
        else:
            assert "/" in image, "somebody's, by name"
    ours = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert ours == {"controller", "aggregator", "worker"}


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8090:8090", "127.0.0.1:3000:3000"]
    for name, service in SERVICES.items():
        assert "network_mode" not in service
        assert ("outside" in service["networks"]) == (name in ("controller", "worker", "grafana")), name
        assert "inside" in service["networks"]
    assert FILE["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"][0] == "/tmp"  # noqa: S108 - of the container
    assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert not {"privileged", "pid", "ipc", "devices", "cap_add", "env_file", "group_add"} & service.keys()
    for volume in service.get("volumes", []):
        assert not volume.startswith("/") or ":" not in volume, "a folder of the machine"


def test_the_processors_of_workers_are_not_rationed() -> None:
    assert "cpus" not in SERVICES["worker"]["deploy"]["resources"]["limits"]
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_what_is_waited_for_can_be_seen() -> None:
    for name, service in SERVICES.items():
        for other, told in service.get("depends_on", {}).items():
            check = SERVICES[other]["healthcheck"]
            if told["condition"] == "service_healthy":
                assert check["test"][0] == "CMD", f"{name} waits for {other}"
            else:
                assert told["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "on-failure"


def test_every_file_that_is_mounted_is_there_and_everybody_may_read_it_and_nobody_write() -> None:
    assert len(mounted()) >= 5
    for source, target in mounted().items():
        assert source.exists(), source
        assert target.endswith(":ro"), target
        for each in [source, *(source.iterdir() if source.is_dir() else [])]:
            assert each.stat().st_mode & stat.S_IROTH, each


def test_volumes_and_networks_are_named_once_and_used() -> None:
    named = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume[0] not in "./"
    }
    assert named == FILE["volumes"].keys()
    assert {each for service in SERVICES.values() for each in service["networks"]} == FILE["networks"].keys()


def test_no_secret_stands_in_it() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("TOKEN|PASSWORD|SECRET|KEY|STORE", key):
                assert re.search(r"\$\{[A-Z_]+(:\?docs|:-\$\{)", value), f"{name}: {key}"
                assert not re.search(r":[^$/{}?-][^$]*@", value), f"{name}: {key}"
    for ignored in (".gitignore", ".dockerignore"):
        assert ".env" in (ROOT / ignored).read_text().splitlines()


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("as_", ["missing", "empty"])
def test_a_secret_that_is_missing_is_named_and_where_to_read_on(missing: str, as_: str) -> None:
    environment = dict.fromkeys(SECRETS, "x")
    if as_ == "empty":
        environment[missing] = ""
    else:
        del environment[missing]
    with pytest.raises(VariableMissing, match=rf"^{missing}: docs/operations\.md says how"):
        document(environment)


def test_the_line_of_the_page_makes_all_secrets_once_for_nobody_else_to_read(tmp_path: Path) -> None:
    made = subprocess.run(["sh", "-c", MAKES_SECRETS], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    file = tmp_path / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = dict(line.split("=") for line in file.read_text().splitlines())
    assert told.keys() == set(SECRETS)
    assert len(set(told.values())) == len(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{32,}", value) for value in told.values())
    assert document(told)
    again = subprocess.run(["sh", "-c", MAKES_SECRETS], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode != 0
    assert dict(line.split("=") for line in file.read_text().splitlines()) == told


def test_workers_have_a_token_of_their_own_where_one_is_given() -> None:
    told = dict.fromkeys(SECRETS, "x")
    tokens = [
        document(told | more)["services"]["worker"]["environment"]["APIBENCH_TOKEN"]
        for more in ({}, {"APIBENCH_WORKER_TOKEN": "w"})
    ]
    assert tokens == ["x", "w"]


def provisioned(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ROOT / "deploy" / "compose" / name).read_text())
    return found


def test_grafana_is_told_where_its_data_and_its_dashboards_are() -> None:
    (source,) = provisioned("grafana-datasource.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == provisioned("prometheus.yml")["global"]["scrape_interval"]
    (provider,) = provisioned("grafana-dashboards.yml")["providers"]
    assert mounted()[FOLDER] == provider["options"]["path"] + ":ro"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/run.json"


@pytest.mark.parametrize("name", dashboards())
def test_panels_ask_our_prometheus_and_none_lies_over_another(name: str) -> None:
    dashboard = dashboards()[name]
    (source,) = provisioned("grafana-datasource.yml")["datasources"]
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len({panel["title"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    # No holes either: whole rows.
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


def test_no_dashboard_averages_percentiles_and_what_is_asked_of_a_run_names_it() -> None:
    for query in queries():
        assert "avg" not in query.expression
        assert "histogram_quantile" not in query.expression or "sum by (le) (rate(" in query.expression
        for metric, selected in re.findall(r"(apibench_run_\w+)(\{[^}]*\})?", query.expression):
            assert 'run="$run"' in selected, metric
    assert len({each["uid"] for each in dashboards().values()}) == 2
