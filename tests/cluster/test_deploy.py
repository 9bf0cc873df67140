"""What deploy/ offers, held against the validators that are at hand without a container engine."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from mrccsc_server.config import Settings, load
from tests.missing import without
from tools.cluster.nginx import find_nginx
from tools.cluster.process import ProgramError

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_compose_keeps_to_its_specification() -> None:
    PyCompose.from_yaml(yaml.safe_dump(COMPOSE)).validate()
    broken = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    broken["services"]["node-1"]["comand"] = "x"
    with pytest.raises(ValueError, match="comand"):
        PyCompose.from_yaml(yaml.safe_dump(broken))


def test_the_nodes_of_compose_have_options_that_are_some(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    for name in ("node-1", "node-2"):
        environ = {
            key: re.sub(r"^/run/secrets/\w+$", str(tmp_path / "secret"), value)
            for key, value in SERVICES[name]["environment"].items()
        }
        assert {key.removeprefix("MRCCSC_").lower() for key in environ} <= set(Settings.model_fields)
        settings = load({}, environ)
        assert settings.node == name
        assert (settings.database_place, settings.bus_place) == ("mysql database:3306/mrccsc", "redis bus:6379/0")
        subnet = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]
        assert [str(network) for network in settings.proxy_from] == [subnet]


def test_every_secret_and_host_that_compose_names_is_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for mounted in re.findall(r"/run/secrets/(\w+)", str(service)):
            assert mounted in service["secrets"]
    assert "password" not in "".join(
        str(value) for service in SERVICES.values() for value in service.get("environment", {}).values()
    ).replace("/run/secrets/database_password", "").replace("/run/secrets/bus_password", "")


def test_the_database_of_compose_is_durable() -> None:
    assert {"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"} <= set(SERVICES["database"]["command"])


def test_nginx_takes_what_compose_makes_of_the_example(tmp_path: Path) -> None:
    try:
        nginx = find_nginx()
    except ProgramError as error:
        without(error)
    script = SERVICES["nginx"]["command"][-1].replace("$$", "$")
    edit = script[: script.index("exec")].replace("/etc/nginx/mrccsc.conf.example", str(ROOT / "nginx.conf.example"))
    result = tmp_path / "nginx.conf"
    subprocess.run(["sh", "-euc", edit.replace("/etc/nginx/mrccsc.conf", str(result))], check=True)
    text = result.read_text()
    assert re.findall(r"^ +server (\S+) ", text, re.MULTILINE)[:2] == ["node-1:8000", "node-2:8000"]
    assert "127.0.0.1" not in text
    # Their names are known in their network only.
    result.write_text(text.replace("node-1", "127.0.0.1").replace("node-2", "127.0.0.2"))
    command = [nginx, "-t", "-c", str(result), "-e", "stderr", "-g", f"pid {tmp_path}/pid;"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_bus_of_compose_reads_its_settings_from_standard_input() -> None:
    script = SERVICES["bus"]["command"][-1].replace("$$(cat /run/secrets/bus_password)", "s3cret")
    printed = subprocess.run(
        ["sh", "-euc", script.partition("|")[0]], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[:3] == ["requirepass s3cret", 'save ""', "appendonly no"]


def test_the_container_is_made_of_what_is_there() -> None:
    lines = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    for step, rest in steps:
        if step == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
        if step == "FROM":
            image = rest.split()[0]
            assert ":" in image.rpartition("/")[2]
            assert "latest" not in image
    names = [step for step, _ in steps]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert dict(map(tuple, steps))["USER"] not in ("root", "0")  # type: ignore[arg-type]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = re.search(r"\.\[([\w,]+)\]", "\n".join(lines))
    assert wanted is not None
    assert set(wanted[1].split(",")) <= set(extras)
    variables = re.findall(r"MRCCSC_(\w+)=", "\n".join(lines))
    assert {name.lower() for name in variables} <= set(Settings.model_fields)


def test_the_unit_has_options_that_are_some(tmp_path: Path) -> None:
    text = (DEPLOY / "mrccsc-server@.service").read_text()
    command = re.search(r"^ExecStart=((?:.*\\\n)*.*)", text, re.MULTILINE)
    assert command is not None
    words = shlex.split(command[1].replace("\\\n", " ").replace("%i", "8001").replace("%l", "host"))
    config = tmp_path / "server.toml"
    example = "\n".join(re.findall(r"^#     (\S+ = .*)$", text, re.MULTILINE))
    config.write_text(example)
    flags = dict(zip([word.removeprefix("--").replace("-", "_") for word in words[1::2]], words[2::2], strict=True))
    settings = load(flags | {"config": str(config)}, {})
    assert (settings.port, settings.http, settings.node) == (8_001, ("127.0.0.1", 18_001), "host-8001")
    assert settings.database_place == "mysql db.example/mrccsc"
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "mrccsc-server@8001.service"
        unit.write_text(text.replace("/opt/mrccsc/bin/mrccsc-server", "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        assert str(unit.name) not in done.stderr, done.stderr
