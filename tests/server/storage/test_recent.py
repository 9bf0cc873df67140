"""What is kept of the last commits, and for how long."""

from __future__ import annotations

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome, Plan, needs
from mrccsc_server.domain.state import ConversationState, Facts, Membership
from mrccsc_server.storage import recent
from mrccsc_server.storage.recent import SHARED, Premises, Recent
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import join, react, send


class Watch:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def commit(memory: Recent, *operations: Operation) -> tuple[Premises, list[Outcome]]:
    """What a store does, on a database in which users 1 to 9 are members of each conversation, with nothing in it."""
    taken = memory.take(operations)
    need = needs(operations)
    facts = Facts(0)
    for conv in need.conversations:
        facts.conversations[conv] = ConversationState(conv, "group", 0, 0, 0, 9, "", "", "public", True)
        facts.members |= {(conv, user): Membership(conv, user, "member", "member", 1) for user in range(1, 10)}
    for conv, premise in taken.items():
        facts.conversations[conv] = premise.conversation
        facts.members |= {(conv, user): member for user, member in premise.members.items()}
    plan = Plan(facts, Limits())
    outcomes = [plan.decide(op) for op in operations]
    supposed = dict(taken)
    memory.remember(operations, outcomes, facts, taken)
    return supposed, outcomes


def heads(premises: Premises) -> dict[int, int]:
    return {conv: premise.head for conv, premise in premises.items()}


def test_what_was_left_is_supposed_once() -> None:
    memory = Recent()
    assert not commit(memory, send(1, 1, "a"), send(2, 1, "b"), send(2, 2, "c"))[0]
    taken = memory.take([send(1, 1, "d"), send(2, 1, "e")])
    assert heads(taken) == {1: 1, 2: 2}
    assert taken[2].members.keys() == {1, 2}
    assert taken[1].members[1].sent == 1
    assert not memory.take([send(1, 1, "f")])


def test_it_goes_on_from_commit_to_commit() -> None:
    memory = Recent()
    for number in range(5):
        supposed, _ = commit(memory, send(1, number + 1, "a"), send(1, 1, "b"))
        assert bool(supposed) == bool(number)
    (premise,) = memory.take([send(1, 1, "c")]).values()
    assert premise.head == premise.conversation.messages == 10
    assert {user: member.sent for user, member in premise.members.items()} == {1: 6, 2: 1, 3: 1, 4: 1, 5: 1}
    assert not premise.conversation.changed
    assert not any(member.changed for member in premise.members.values())


def test_only_messages_are_judged_by_it() -> None:
    memory = Recent()
    commit(memory, send(1, 1, "a"), send(2, 1, "a"))
    assert heads(memory.take([send(1, 1, "b"), react(1, 1, 1, "👍"), send(2, 1, "b")])) == {2: 1}
    commit(memory, send(3, 1, "a"), join(3, 2))
    assert not memory.take([send(3, 1, "b")])


def test_what_others_write_to_is_not_supposed_for_a_while() -> None:
    watch = Watch()
    memory = Recent(watch)
    commit(memory, send(1, 1, "a"))
    memory.mistrust([1])
    assert not memory.take([send(1, 1, "b")])
    commit(memory, send(1, 1, "b"))
    assert not memory.take([send(1, 1, "c")])
    watch.now += SHARED - 1
    memory.mistrust([1])
    watch.now += SHARED - 1
    commit(memory, send(1, 1, "c"))
    assert not memory.take([send(1, 1, "d")])
    watch.now += 2
    commit(memory, send(1, 1, "d"))
    assert memory.take([send(1, 1, "e")])


def test_of_what_others_write_to_the_newest_is_kept() -> None:
    """However many they write to at a time: nothing needs it, and to look through all of it would cost each hint."""
    memory = Recent(Watch())
    most = recent.CONVERSATIONS
    memory.mistrust(range(most))
    memory.mistrust([0, most])
    for conv in (0, 1, 2, most):
        commit(memory, send(conv, 1, "a"))
    assert heads(memory.take([send(conv, 1, "b") for conv in (0, 1, 2, most)])) == {1: 1}


def test_others_may_write_while_a_commit_is_under_way() -> None:
    memory = Recent()
    commit(memory, send(1, 1, "a"))
    taken = memory.take([send(1, 1, "b")])
    memory.mistrust([1])
    memory.remember([], [], Facts(0), taken)
    assert not memory.take([send(1, 1, "c")])


def test_what_was_written_to_longest_ago_is_forgotten_first() -> None:
    memory = Recent()
    most = recent.CONVERSATIONS
    for conv in range(most):
        commit(memory, send(conv, 1, "a"))
    commit(memory, send(0, 1, "b"))
    commit(memory, send(most, 1, "a"))
    assert memory.take([send(0, 1, "c")])
    assert not memory.take([send(1, 1, "c")])
    assert memory.take([send(2, 1, "c")])


def test_of_a_large_group_not_every_sender_is_kept() -> None:
    memory = Recent()
    for _ in range(3):
        commit(memory, *(send(1, user, "a") for user in range(1, 10)))
    (premise,) = memory.take([send(1, 1, "b")]).values()
    assert len(premise.members) == 9
