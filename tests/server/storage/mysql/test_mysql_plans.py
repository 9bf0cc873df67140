"""What is appended is found by its key, however few or many conversations a batch is of and however many there are."""

from __future__ import annotations

import pytest

from tests.server.storage.mysql.conftest import Raw, run
from tests.server.storage.scene import Scene, react, send

OTHERS = 5_000
"""Conversations and memberships that are none of the batch's business."""


def rows_read(raw: Raw) -> int:
    """Rows that the server has read one after the other since it was started, for anybody."""
    names = "'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd_next'"
    found = run(raw, f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    return sum(int(str(value)) for _, value in found)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 20, 200])
async def test_a_batch_reads_no_more_than_its_own(scene: Scene, raw: Raw, count: int) -> None:
    ann, bob = await scene.users("ann", "bob")
    convs = [await scene.group(ann, bob) for _ in range(count)]
    run(
        raw,
        "INSERT INTO conversation (conv, kind, created_by, create_cid)"
        f" SELECT 1000000 + seq, 'group', seq, '' FROM seq_1_to_{OTHERS}",
    )
    run(raw, f"INSERT INTO member (conv, user, state) SELECT 1000000 + seq, 1000000, 'member' FROM seq_1_to_{OTHERS}")
    raw.commit()
    run(raw, "ANALYZE TABLE conversation, member")
    # The first reads how the conversations are, the second supposes it, the third must read again.
    for batch in (
        [send(conv, ann, "one") for conv in convs],
        [send(conv, ann, "two") for conv in convs],
        [react(conv, bob, 3, "👍") for conv in convs],
        [send(conv, bob, "three") for conv in convs],
        [send(conv, user, "four") for conv in convs for user in (ann, bob)],
    ):
        before = rows_read(raw)
        await scene.done(*batch)
        assert rows_read(raw) - before < 20 * len(batch) + 500


@pytest.mark.parametrize("count", [1, 2, 3, 5, 20, 200])
async def test_what_was_taken_back_makes_no_reaction_dearer(scene: Scene, raw: Raw, count: int) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    targets = [await scene.say(conv, ann, "hello") for _ in range(count)]
    run(
        raw,
        "INSERT INTO reaction (conv, target, user, emoji, is_on)"
        f" SELECT {conv}, {targets[0]}, {ann}, CONCAT('x', seq), 0 FROM seq_1_to_{OTHERS}",
    )
    raw.commit()
    run(raw, "ANALYZE TABLE reaction")
    for user in (ann, bob):
        for on in (True, False):
            before = rows_read(raw)
            await scene.done(*(react(conv, user, target, "x", on) for target in targets))
            await scene.store.log.range(conv, targets[0] - 1, targets[-1])
            assert rows_read(raw) - before < 20 * count + 500
