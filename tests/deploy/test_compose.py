"""Compose: what can be said of the file without a container runtime."""

import argparse
import json
import re

import yaml

from crossfade.resources import admit
from crossfade_cli.run import MAKERS
from crossfade_lab.load import __main__ as load
from crossfade_lab.models import __main__ as models

PARTS = {"nats", "bootstrap", "prometheus", "iris-v1", "iris-v2", "users", *MAKERS}


def test_every_part_is_there(compose):
    assert set(compose["services"]) == PARTS


def test_nothing_runs_as_root_or_writes_to_its_image(compose):
    for name, service in compose["services"].items():
        user = service["user"].split(":")[0]
        assert int(user) > 0, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_part_that_stays_says_when_it_is_well(compose):
    for name, service in compose["services"].items():
        if name == "bootstrap":
            assert service["restart"].startswith("on-failure")
        elif name != "users":  # they serve nothing
            assert service["healthcheck"]["test"], name


def test_ports_are_open_to_this_machine_only(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_services_wait_for_bootstrap_and_bootstrap_for_the_broker(compose):
    services = compose["services"]
    assert services["bootstrap"]["depends_on"] == {"nats": {"condition": "service_healthy"}}
    for name in MAKERS:
        condition = services[name]["depends_on"]["bootstrap"]["condition"]
        assert condition == "service_completed_successfully", name


def test_the_token_comes_from_outside_and_its_absence_is_explained(root):
    text = (root / "docker-compose.yml").read_text()
    for found in re.findall(r"\$\{NATS_TOKEN([^}]*)\}", text):
        assert found.startswith(":?")
    assert ".env\n" in (root / ".gitignore").read_text()


def test_files_and_volumes_that_are_mounted_exist(compose, root):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (root / source).is_file(), source
                assert volume.endswith(":ro")
            else:
                assert source in compose["volumes"]
        if "build" in service:
            context = root / service["build"]["context"]
            assert (context / service["build"].get("dockerfile", "Dockerfile")).is_file()


def test_the_models_understand_their_arguments(compose):
    parser: argparse.ArgumentParser = models._parser()
    found = [
        parser.parse_args(compose["services"][n]["command"]) for n in ("iris-v1", "iris-v2")
    ]
    assert [f.predictor for f in found] == ["baseline", "candidate"]
    assert {f.port for f in found} == {9000}
    for asked in found:
        models._server(asked)


def test_the_users_know_the_models(compose):
    asked = load._parser().parse_args(compose["services"]["users"]["entrypoint"][3:])
    assert (asked.baseline, asked.candidate) == ("http://iris-v1:9000", "http://iris-v2:9000")


def test_its_experiment_is_taken_with_the_metrics_of_another_example(root):
    examples = root / "deploy/examples"
    text = "---\n".join(
        (examples / file).read_text()
        for file in ("iris-single/metrics-corrected.yaml", "iris-compose/experiment.yaml")
    )
    _, *metrics, experiment = yaml.safe_load_all(text)

    document = admit({"experiment": experiment, "metrics": metrics}, on_cluster=False)

    assert [version.name for version in document.versions] == ["iris-v1", "iris-v2"]
    assert document.weight_refs == {}


def test_every_address_in_the_files_is_a_part_and_a_port_of_it(compose, root):
    scraped = yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text())
    ports = {"prometheus": {9090}, "console": {8080, 8081}, "nats": {4222}}
    ports |= {name: {8081} for name in MAKERS if name != "console"}
    ports |= {"iris-v1": {9000}, "iris-v2": {9000}}
    targets = [
        target
        for job in scraped["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    collector = compose["services"]["collector"]["environment"]
    targets += json.loads(collector["CROSSFADE_COLLECTOR__CONNECT_TO"]).values()
    targets.append(collector["CROSSFADE_BUS__URL"].rpartition("@")[2])
    for target in targets:
        name, _, port = target.partition(":")
        assert int(port) in ports[name], target


def test_the_seeds_metrics_find_their_prometheus(compose, root):
    text = (root / "deploy/examples/iris-single/metrics.yaml").read_text()
    hosts = set(re.findall(r"urlTemplate: http://([^/\s]+)", text))
    known = json.loads(
        compose["services"]["collector"]["environment"]["CROSSFADE_COLLECTOR__CONNECT_TO"]
    )
    assert hosts <= set(known)
