"""``make cluster``: a cluster of local programs to look at, until Ctrl+C.

make cluster                          three nodes; data is kept for the next time
make cluster ARGS='--fresh'           forget what was there
make cluster ARGS='--nodes 5 --port 8000 --folder chat'
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path

from tools.cluster.cluster import Cluster, default_folder
from tools.cluster.mariadb import find_program
from tools.cluster.nginx import find_nginx
from tools.cluster.process import ProgramError, free_port, is_free

PORT = 8_000

PACKAGES = "redis-server mariadb-server nginx libnginx-mod-stream"


def main() -> int:
    """Run a cluster until somebody ends it; 2 when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="make cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where all files are")
    parser.add_argument("--nodes", type=int, default=3, help="how many (3)")
    parser.add_argument("--port", type=int, help=f"where users connect ({PORT}, or a free one)")
    parser.add_argument("--fresh", action="store_true", help="delete the data of the last time first")
    parser.add_argument("--unlimited", action="store_true", help="no rates per user and address, for benchmarks")
    arguments = parser.parse_args()
    if missing := _missing():
        print(f"{', '.join(missing)} missing; install: apt-get install {PACKAGES}", file=sys.stderr)
        return 2
    if arguments.fresh:
        shutil.rmtree(arguments.folder, ignore_errors=True)
    port = arguments.port or (PORT if is_free(PORT) else free_port())
    options = ["--unlimited"] if arguments.unlimited else []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster = Cluster(arguments.folder.absolute(), nodes=arguments.nodes, port=port, options=options)
        print(f"Starting MariaDB, Redis, {arguments.nodes} nodes and nginx in {cluster.folder} …", flush=True)
        cluster.start()
    except ProgramError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    try:
        _explain(cluster)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3_600)
    finally:
        # Once more would cut it short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nEnding …", flush=True)
        cluster.stop()
    return 0


def _missing() -> list[str]:
    missing = []
    for name, find in (("nginx", find_nginx), ("mariadbd", lambda: find_program("mariadbd"))):
        try:
            find()
        except ProgramError:
            missing.append(name)
    if shutil.which("redis-server") is None:
        missing.append("redis-server")
    return missing


def _explain(cluster: Cluster) -> None:
    print(f"""
Chat:       .venv/bin/mrccsc-tui --host 127.0.0.1 --port {cluster.port} --profile one    (in each terminal another)
nginx:      127.0.0.1:{cluster.port}, to these nodes:""")
    for node in cluster.nodes:
        print(
            f"  {node.name}    127.0.0.1:{node.port}, http://127.0.0.1:{node.http_port}/readyz and /metrics, "
            f"process {node.program.pid}"
        )
    print(
        f"""MariaDB:    127.0.0.1:{cluster.mariadb.port}, process {cluster.mariadb.program.pid}
Redis:      127.0.0.1:{cluster.redis.port}, process {cluster.redis.pid}
Nodes:      MRCCSC_BUS='{cluster.redis.url()}' MRCCSC_DATABASE='{cluster.mariadb.url("mrccsc")}' \\
            .venv/bin/mrccsc-server nodes
Logs:       {cluster.folder}/*/*.log
Break something:  kill -9 {cluster.nodes[0].program.pid}
Ctrl+C ends everything.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
