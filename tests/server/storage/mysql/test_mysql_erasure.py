"""What was deleted or replaced is gone from the tables' files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mrccsc_server.domain.tokens import number
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, delete, edit, send
from tools.cluster.mariadb import MariaDb


async def test_deleted_words_are_in_no_file_of_a_table(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        server = MariaDb(Path(folder), options=("--innodb-fast-shutdown=0",))
        server.start()
        try:
            server.create("chat")
            store = make_store(server.url("chat"), Limits())
            await store.open()
            scene = Scene(store)
            ann, bob = await scene.users("ann", "bob")
            conv = await scene.group(ann, bob)
            long = "zqxlongsecret " * 500
            for n in range(40):
                await scene.done(
                    send(conv, ann, f"keep{n} staying"),
                    send(conv, ann, f"zqxdeleted{n} for good"),
                    send(conv, bob, f"zqxedited{n} away"),
                    send(conv, bob, long),
                )
                first = 4 * n + 3
                assert await scene.indexed()
            for n in range(40):
                first = 3 + 4 * n
                await scene.done(
                    delete(conv, ann, first + 1), edit(conv, bob, first + 2, f"kept{n}"), delete(conv, bob, first + 3)
                )
            await scene.indexed()
            assert await scene.find(ann, "staying") != []
            assert await scene.find(ann, "good") == []
            await store.close()
        finally:
            server.stop()
        contents = {file.name: file.read_bytes() for file in Path(folder, "data", "chat").iterdir()}
        assert b"keep7 staying" in contents["body.ibd"]
        assert b"kept7" in contents["body.ibd"]
        assert [name for name, content in contents.items() if b"zqx" in content] == []
        # A token is a key, whose sign bit InnoDB turns over.
        gone, there = ((number(word) ^ (1 << 63)) & (2**64 - 1) for word in ("good", "staying"))
        assert there.to_bytes(8, "big") in contents["search_token.ibd"]
        assert gone.to_bytes(8, "big") not in contents["search_token.ibd"]
