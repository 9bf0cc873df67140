"""mrccsc-server nodes, drain, rebalance, and --workers, on a real cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.party import Party
from tests.cluster.load import gather_group
from tests.cluster.site import Site
from tests.waiting import wait_for, wait_until
from tools.cluster.cluster import Cluster
from tools.cluster.mariadb import PASSWORD
from tools.cluster.node import COMMAND, Node
from tools.cluster.process import Program, accepts, free_port, is_free

pytestmark = pytest.mark.timeout(240)


def environ(cluster: Cluster) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MRCCSC_") or key == "MRCCSC_CI_RUN"}
    return kept | {"MRCCSC_BUS": cluster.redis.url(), "MRCCSC_DATABASE": cluster.database_url}


async def operate(site: Site, *argv: str, code: int = 0) -> str:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, *argv, env=environ(site.cluster), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    return (err if code else out).decode()


async def heard(site: Site, connections: list[int]) -> None:
    """Wait until the nodes have told each other how many connections they have, which they do once a second."""

    async def told() -> bool:
        return [node["connections"] for node in await listed(site)] == connections

    await wait_for(told, f"the nodes having {connections}", patience=60)


async def listed(site: Site) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(await operate(site, "nodes", "--json"))
    return found


async def test_the_nodes_are_listed(party: Party, site: Site) -> None:
    for _ in range(6):
        await party.person("ann")
    await heard(site, [2, 2, 2])
    head, *rows = (await operate(site, "nodes")).splitlines()
    assert head.split() == ["NODE", "ADDRESS", "VERSION", "SINCE", "CONNECTIONS", "STATE"]
    for node, row in zip(site.nodes, rows, strict=True):
        pattern = rf"{node.name} +127\.0\.0\.1:{node.port} +\d+\.\d+\.\d+ +\d{{4}}-\d\d-\d\d \d\d:\d\d +2 +serving"
        assert re.fullmatch(pattern, row), row
    assert {node["state"] for node in await listed(site)} == {"serving"}


async def test_two_nodes_of_one_name_are_reported_and_do_no_harm(party: Party, site: Site) -> None:
    twin = site.cluster.make_node(site.nodes[0].name)
    twin.program.name = "twin"
    twin.program.log = twin.program.folder / "twin.log"
    await site.do(twin.start)
    try:
        said = await operate(site, "nodes")
        assert f"Several nodes are called {twin.name}" in said
        assert len(re.findall(rf"^{twin.name} ", said, re.MULTILINE)) == 2
        assert "the name or address that only one of them has" in await operate(site, "drain", twin.name, code=2)
        talk = await gather_group(party, "ann", "bob", "cat")
        async with talk.going_on():
            await asyncio.sleep(1)
        await operate(site, "drain", f"127.0.0.1:{twin.port}")
    finally:
        await site.do(twin.stop)
    assert site.nodes[0].program.running


async def test_a_drained_node_ends_and_its_clients_move(party: Party, site: Site) -> None:
    talk = await gather_group(party, "ann", "bob", "cat", "dan", "eve", "fay")
    victim = site.nodes[1]
    await heard(site, [2, 2, 2])
    async with talk.going_on():
        said = await operate(site, "drain", victim.name)
        assert "sends 2 clients to the other nodes" in said
        assert said.endswith("has ended.\n")
        await wait_until(lambda: talk.is_off(victim.name), "everybody being elsewhere", patience=60)
    assert victim.program.wait() == 0
    assert "no node of that name" in await operate(site, "drain", victim.name, code=2)


async def test_an_empty_node_gets_its_share(party: Party, site: Site) -> None:
    talk = await gather_group(party, *["ann", "bob", "cat"] * 4)
    last = site.nodes[-1]
    await site.do(last.restart)
    await wait_until(lambda: talk.is_off(last.name), "everybody being elsewhere", patience=60)

    async def greets() -> bool:
        return await site.greeters(1) == [last.name]

    # The balancer keeps away from a node for a while after it has refused a connection.
    await wait_for(greets, "new clients being sent there", patience=60)
    await heard(site, [6, 6, 0])
    async with talk.going_on():
        said: list[str] = []

        async def asks() -> bool:
            said.append(await operate(site, "rebalance"))
            return "go elsewhere" in said[-1]

        # The nodes tell each other once a second.
        await wait_for(asks, "some being asked to go elsewhere", patience=60)
        assert f"{site.nodes[0].name} asks 2 clients of 6 to go elsewhere." in said[-1]
        await wait_until(
            lambda: sum(one.status.online and one.status.node == last.name for one in talk.people) == 4,
            "four of twelve being there",
            patience=60,
        )

    async def even() -> bool:
        return "even" in await operate(site, "rebalance")

    await wait_for(even, "the nodes being even", patience=60)


async def test_an_epoch_is_not_changed_under_running_nodes(site: Site) -> None:
    said = await operate(site, "new-epoch", code=2)
    assert "node-1, node-2, node-3" in said


async def test_nodes_that_were_killed_hold_up_a_new_epoch_for_as_long_as_their_leases_last(site: Site) -> None:
    for node in site.nodes:
        await site.do(node.kill)
    said = await operate(site, "new-epoch")
    assert re.search(r"^node-1, node-2, node-3 .*\nThe new epoch is [-0-9a-f]{36};", said, re.MULTILINE), said


async def test_without_a_bus_it_says_so(site: Site) -> None:
    assert "alone" in await operate(site, "nodes", "--bus", "memory:", code=2)
    await site.do(site.cluster.redis.kill)
    for command in (["nodes"], ["drain", "node-1"], ["rebalance"]):
        said = await operate(site, *command, code=2)
        assert len(said.splitlines()) == 1
        assert "a secret" not in said
        assert "Traceback" not in said


async def test_passwords_come_from_files(site: Site, tmp_path: Path) -> None:
    cluster = site.cluster
    (tmp_path / "database").write_text(f"{PASSWORD}\n")
    (tmp_path / "bus").write_text(f"{cluster.redis.password}\n")
    files = {
        "MRCCSC_DATABASE_PASSWORD_FILE": str(tmp_path / "database"),
        "MRCCSC_BUS_PASSWORD_FILE": str(tmp_path / "bus"),
    }
    bare = {
        "database": re.sub(r"//mrccsc:[^@]*@", "//mrccsc@", cluster.database_url),
        "bus": re.sub(r"//:[^@]*@", "//", cluster.redis.url()),
    }
    node = Node("files", tmp_path, **bare, environ=files)
    await site.do(node.start)
    try:
        said = await operate(
            site, "nodes", "--bus", bare["bus"], "--bus-password-file", files["MRCCSC_BUS_PASSWORD_FILE"]
        )
        assert re.search(rf"^files +127\.0\.0\.1:{node.port} ", said, re.MULTILINE)
        assert "secret" not in node.output
    finally:
        await site.do(node.stop)


async def test_what_no_waiting_would_mend_is_said_at_once(site: Site) -> None:
    url = site.cluster.database_url
    for wrong, words in (
        (re.sub(r"//mrccsc:[^@]*@", "//mrccsc:wrong@", url), "does not let the user mrccsc in"),
        (re.sub(r"/mrccsc$", "/nothing", url), "CREATE DATABASE"),
        (re.sub(r"^mysql:", "postgres:", url), "begins with"),
    ):
        said = await operate(site, "--port", "0", "--database", wrong, code=2)
        assert words in said
        assert len(said.splitlines()) == 1
        assert "secret" not in said


# -- workers


class Workers:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.port = 0
        self.http = 0

    @property
    def output(self) -> str:
        return self.program.log.read_text() if self.program.log.exists() else ""

    @property
    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children").read_text().split()
        return [int(pid) for pid in children]


@pytest.fixture
async def workers(site: Site, tmp_path: Path) -> AsyncIterator[Workers]:
    http = free_port(in_a_row=3)
    command = [COMMAND, "--workers", "3", "--port", "0", "--node", "team", "--http", f"127.0.0.1:{http}", "--unlimited"]
    workers = Workers(Program("workers", command, tmp_path, environ(site.cluster)))
    await site.do(lambda: workers.program.start(lambda: workers.output.count("accepts on") == 3))
    workers.port = int(re.findall(r"accepts on 127\.0\.0\.1:(\d+)", workers.output)[0])
    workers.http = http
    yield workers
    await site.do(workers.program.stop)


async def test_workers_share_one_port(party: Party, site: Site, workers: Workers) -> None:
    assert set(re.findall(r"accepts on 127\.0\.0\.1:(\d+)", workers.output)) == {str(workers.port)}
    met = set()

    async def all_met() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
        met.add(json.loads(await reader.readline())["node"])
        writer.close()
        return len(met) == 3

    await wait_for(all_met, "all three workers greeting", patience=60)
    assert met == {"team-1", "team-2", "team-3"}
    names = [node["name"] for node in json.loads(await operate(site, "nodes", "--json"))]
    assert names == ["node-1", "node-2", "node-3", "team-1", "team-2", "team-3"]
    said = await operate(site, "--workers", "2", "--port", str(workers.port), "--node", "other", code=2)
    assert "in use" in said


async def test_a_worker_that_dies_is_started_again(workers: Workers) -> None:
    first = workers.pids
    assert len(first) == 3
    os.kill(first[0], signal.SIGKILL)
    await wait_until(lambda: workers.output.count("accepts on") == 4, "another worker", patience=60)
    assert set(first[1:]) < set(workers.pids)
    assert "ended with -9" in workers.output


async def test_workers_end_with_their_supervisor(site: Site, workers: Workers) -> None:
    pids = workers.pids
    workers.program.signal(signal.SIGTERM)
    assert await site.do(workers.program.wait) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert is_free(workers.port)


async def test_workers_end_when_their_supervisor_is_killed(site: Site, workers: Workers) -> None:
    pids = workers.pids
    os.kill(workers.program.pid, signal.SIGKILL)
    await wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the workers being gone")
    await wait_until(lambda: is_free(workers.port), "the port being free")


async def test_workers_that_cannot_start_are_not_tried_for_ever(site: Site) -> None:
    said = await operate(
        site, "--workers", "2", "--port", "0", "--node", "x", "--tls-cert", "/none", "--tls-key", "/none", code=2
    )
    assert "Cannot read /none" in said


async def test_each_worker_has_its_own_status_page(workers: Workers) -> None:
    for number in range(3):
        assert accepts(workers.http + number)
