"""Nothing that passes the door can do anything to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_shared.text import BIDI_CONTROLS
from mrccsc_tui.sanitize import line, text

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x07\x08\x1b\x7f\x9b\x9d\r\n\t\u2028\u2029\ud800\udfff"),
        st.sampled_from(sorted(BIDI_CONTROLS)),
        st.characters(min_codepoint=0xE0000, max_codepoint=0xE007F),
    )
)


def harmful(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in BIDI_CONTROLS


@given(HOSTILE)
def test_a_text_has_no_control_but_newline_and_tab(raw: str) -> None:
    safe = text(raw)
    assert not [char for char in safe if harmful(char) and char not in "\n\t"]
    safe.encode()
    assert text(safe) == safe


@given(HOSTILE)
def test_a_line_has_no_control_and_is_short(raw: str) -> None:
    safe = line(raw, 50)
    assert not [char for char in safe if harmful(char)]
    assert len(safe) <= 50
    assert line(safe, 50) == safe


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40))
def test_what_is_harmless_stays_as_it_is(raw: str) -> None:
    assert text(raw) is raw
    assert line(raw) is raw


@given(HOSTILE)
def test_nothing_disappears(raw: str) -> None:
    assert len(text(raw)) == len(raw.replace("\r\n", "\n"))


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31m", "·31m"),
        ("abc\u202edef", "abc·def"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("one\rtwo", "one␍two"),
        ("\x7f", "␡"),
        ("👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("hidden\U000e0041\U000e0042", "hidden··"),
    ],
)
def test_signs_stand_for_controls(raw: str, safe: str) -> None:
    assert text(raw) == safe
    assert line(raw) == safe.replace("\n", "␊").replace("\t", "␉") if "\r\n" not in raw else True
