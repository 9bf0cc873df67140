"""Where texts break, and how rows of any content are measured and painted."""

from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mrccsc_tui import sanitize
from mrccsc_tui.ui.widgets.timeline.marks import find_marks, links, trim_link
from mrccsc_tui.ui.widgets.timeline.wrap import clip, count_lines, graphemes, wrap

HARD = [
    "plain words of several lengths",
    "averyverylongwordthatdoesnotfitanywhere" * 3,
    "你好世界。这是一个很长的句子，没有空格！",
    "混合 mixed テキスト text 안녕하세요",
    "👨‍👩‍👧‍👦🇩🇪🏳️‍🌈👍🏽",
    "e\u0301\u0302\u0303" * 20,
    "שלום עולם مرحبا بالعالم",
    "a\u200bb\u200dc",
    "\tindented\ttabs",
    "   leading and trailing   ",
    "",
    "\n\n",
]

texts = st.lists(st.one_of(st.sampled_from(HARD), st.text(max_size=40)), max_size=6).map(
    lambda parts: sanitize.text(" ".join(parts)).expandtabs(4)
)


def lines_of(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width)]


@given(texts, st.integers(1, 60))
def test_no_line_is_wider_than_the_width_unless_one_grapheme_is(text: str, width: int) -> None:
    for line in lines_of(text, width):
        assert cell_len(line) <= width or len(regex.findall(r"\X", line.strip())) <= 1 or len(graphemes(line)) == 1


@given(texts, st.integers(1, 60))
def test_every_visible_character_is_on_exactly_one_line_in_order(text: str, width: int) -> None:
    end_before = 0
    shown = ""
    for start, end in wrap(text, width):
        assert start >= end_before
        assert text[end_before:start].strip() == "", "only blanks and newlines are left out"
        shown += text[start:end]
        end_before = end
    assert text[end_before:].strip() == ""
    assert "".join(shown.split()) == "".join(text.split())


@given(texts, st.integers(1, 60))
def test_counting_agrees_with_wrapping(text: str, width: int) -> None:
    assert count_lines(text, width) == len(wrap(text, width))


@given(texts, st.integers(2, 60))
def test_graphemes_are_never_cut(text: str, width: int) -> None:
    cuts = {start for start, _ in wrap(text, width)} | {end for _, end in wrap(text, width)}
    for start, end, _ in graphemes(text):
        if end - start > 1 and not text[start].isspace() and "\n" not in text[start:end]:
            assert not any(start < cut < end for cut in cuts), text[start:end]


def test_words_stay_whole_where_they_fit() -> None:
    assert [line.rstrip() for line in lines_of("the quick brown fox", 10)] == ["the quick", "brown fox"]


def test_cjk_breaks_anywhere_but_not_before_a_full_stop() -> None:
    assert lines_of("你好世界。再见", 8) == ["你好世", "界。再见"]


def test_newlines_are_kept() -> None:
    assert lines_of("a\n\nb", 10) == ["a", "", "b"]


def test_clipping_leaves_room_for_the_ellipsis() -> None:
    assert clip("short", 10, "…") == "short"
    assert clip("a long sentence", 8, "…") == "a long…"
    assert clip("你好世界", 5, "…") == "你好…"
    assert clip("two\nlines", 20, "...") == "two lines"
    assert cell_len(clip("你好世界", 4, "...")) <= 4


def test_links_end_before_the_sentence_does() -> None:
    text = "see https://a.example/x(y). and (http://b.example), <https://c.example/?q=1&r=2>!"
    assert links(text) == ["https://a.example/x(y)", "http://b.example", "https://c.example/?q=1&r=2"]
    assert trim_link("https://a.example/..") == "https://a.example/"


def test_only_members_that_are_mentioned_are_marked() -> None:
    text = "@bob, @carol and mail to x@bob or @bob."
    assert [(text[mark.start : mark.end], mark.kind) for mark in find_marks(text, ["bob"], "bob")] == [
        ("@bob", "mention-me"),
        ("@bob", "mention-me"),
    ]
    assert find_marks("javascript:alert(1) file:///etc/passwd") == []
