"""What the tests of the bench share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.missing import without
from tools.bench.systems import MARIADB_OPTIONS
from tools.cluster.mariadb import MariaDb
from tools.cluster.process import ProgramError


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    server = MariaDb(tmp_path_factory.mktemp("mariadb"), options=MARIADB_OPTIONS)
    try:
        server.start()
    except ProgramError as error:
        without(error)
    yield server
    server.kill()
