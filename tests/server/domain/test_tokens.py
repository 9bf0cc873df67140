"""Tokens: what search is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.domain import tokens
from mrccsc_server.domain.tokens import number, tokenize, tokenize_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World", {"hello", ",", "world"}),
        ("a_b c-d", {"a_b", "c", "-", "d"}),
        ("Straße ﬁne", {"strasse", "fine"}),
        ("東京都", {"東", "京", "都", "東京", "京都"}),
        ("x東y", {"x", "東", "y"}),
        ("🎉", {"🎉"}),
        (" \t\x00\x1b\n", set()),
    ],
)
def test_a_text_is_cut_into_words_pairs_and_signs(text: str, expected: set[str]) -> None:
    assert tokenize(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_cut_for_ascii_cuts_alike(text: str) -> None:
    assert tokenize(text) == tokenize(text + " 東") - {"東"}


@given(st.text())
def test_a_text_is_found_by_itself(text: str) -> None:
    words, _ = tokenize_query(text)
    assert words <= tokenize(text)


@given(st.text(min_size=1))
def test_numbers_fit_64_bits(token: str) -> None:
    assert -(2**63) <= number(token) < 2**63


@pytest.mark.parametrize("tail", ["", " 東"])
def test_tokens_are_bounded(tail: str) -> None:
    assert len(tokenize(" ".join(f"{n:x}" for n in range(10_000)) + tail)) == tokens.MAX_TOKENS
