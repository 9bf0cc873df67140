"""What may stand in names, titles, texts and emoji, and what a mention is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_shared import text
from mrccsc_shared.errors import ErrorCode, Refusal

HIDDEN = {
    "escape": "\x1b",
    "NUL": "\0",
    "newline": "\n",
    "tab": "\t",
    "delete": "\x7f",
    "C1": "\x9b",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "left-to-right mark": "\u200e",
    "pop directional": "\u202c",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "zero-width non-joiner": "\u200c",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "combining grapheme joiner": "\u034f",
    "hangul filler": "\u115f",
    "mongolian separator": "\u180e",
    "interlinear": "\ufff9",
    "tag": "\U000e0041",
    "private use": "\ue000",
    "unassigned": "\U000e0fff",
    "variation selector": "\ufe00",
    "variation selector supplement": "\U000e0100",
    "mongolian variation selector": "\u180b",
    "mongolian fourth variation selector": "\u180f",
    "halfwidth hangul filler": "\uffa0",
    "hangul compatibility filler": "\u3164",
    "invisible plus": "\u2064",
    "shorthand overlap": "\U0001bca0",
}

INVISIBLE = ["\u200b", "\u200d", "\u202e", "\u2800", "\u3164", "\uffa0", "\ufe0f", "\u180b", "\U000e0041", "\U000e0100"]

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
EMOJI = ["👍", "👍🏽", "❤\ufe0f", "❤\ufe0e", "🇩🇪", "👩‍👩‍👧‍👦", "🏳️‍🌈", "1\ufe0f\u20e3", ENGLAND, "\U0001fae8"]


def refused(code: ErrorCode, check: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        check(*arguments)  # type: ignore[operator]
    assert caught.value.code == code
    return str(caught.value)


class TestUsername:
    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("alice", "alice"),
            ("ALICE", "alice"),
            ("a1", "a1"),
            ("0.x_y-z", "0.x_y-z"),
            ("a" * 32, "a" * 32),
            ("Zz", "zz"),
        ],
    )
    def test_in_its_lower_case_form(self, name: str, kept: str) -> None:
        assert text.check_username(name) == kept

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "a",
            "a" * 33,
            "-ab",
            ".ab",
            "_ab",
            "a b",
            "ab\n",
            "ab\r",
            "a@b",
            "a/b",
            "\u212aelvin",
            "ali\u0131",
            "alic\u0435",
            "\uff41lice",
            "ａｌｉｃｅ",
            "äb",
            "a\u0301b",
            "a\u200bb",
            "a\u202eb",
            "١٢",
            "\u017fmith",
        ],
        ids=ascii,
    )
    def test_of_ascii_only(self, name: str) -> None:
        refused(ErrorCode.INVALID, text.check_username, name)

    @given(name=st.text(max_size=40))
    def test_accepted_names_have_one_lower_case_form(self, name: str) -> None:
        try:
            kept = text.check_username(name)
        except Refusal:
            return
        assert kept == name.casefold() == unicodedata.normalize("NFKC", kept)
        assert kept.isascii()


class TestName:
    @pytest.mark.parametrize(
        "name",
        ["x", "Zoë", "小明", "محمد علي", "שלום", "😀" * 64, "e\u0301", "a  b", "a\u00a0b", "-", "⠓\u2800⠑"],
    )
    def test_of_any_script(self, name: str) -> None:
        assert text.check_name(name) == name

    @pytest.mark.parametrize(
        "name", ["", " ", "\u3000", "\u00a0\u2003", "\u2800", " \u2800 ", "x" * 65, "😀" * 65], ids=ascii
    )
    def test_not_blank_and_not_long(self, name: str) -> None:
        refused(ErrorCode.INVALID, text.check_name, name)

    @pytest.mark.parametrize("char", HIDDEN.values(), ids=HIDDEN.keys())
    def test_without_what_does_not_show(self, char: str) -> None:
        for name in (char, f"a{char}b", f"{char}ab", f"ab{char}"):
            refused(ErrorCode.INVALID, text.check_name, name)

    @pytest.mark.parametrize(
        "name", ["\ufe0f", "a\ufe0f", "\ufe0fa", "alice1\ufe0f", "1\ufe0fa", "❤\ufe0f\ufe0f", "❤a\ufe0e"], ids=ascii
    )
    def test_chooses_how_an_emoji_looks_and_nothing_else(self, name: str) -> None:
        refused(ErrorCode.INVALID, text.check_name, name)

    @given(name=st.text(max_size=70))
    def test_a_refusal_never_repeats_it(self, name: str) -> None:
        secret = f"secret-{name}-\x1b"
        assert secret not in refused(ErrorCode.INVALID, text.check_name, secret)


class TestTopic:
    def test_may_be_empty_and_has_an_end(self) -> None:
        assert text.check_topic("") == ""
        assert text.check_topic("😀" * 256) == "😀" * 256
        refused(ErrorCode.TOO_LARGE, text.check_topic, "x" * 257)

    @pytest.mark.parametrize("char", ["\n", "\x1b", "\x9b", "\u202e", "\u2066", "\u2028", "\0", "\x7f"], ids=ascii)
    def test_is_one_harmless_line(self, char: str) -> None:
        refused(ErrorCode.INVALID, text.check_topic, f"a{char}b")

    def test_may_hold_joined_emoji(self) -> None:
        assert text.check_topic("family 👩‍👩‍👧‍👦") == "family 👩‍👩‍👧‍👦"


class TestText:
    @pytest.mark.parametrize("full", ["x" * 8_192, "ß" * 4_096, "女" * 2_730, "😀" * 2_048])
    def test_is_measured_in_bytes(self, full: str) -> None:
        assert text.check_text(full) == full
        refused(ErrorCode.TOO_LARGE, text.check_text, full + "😀")

    def test_is_measured_by_the_servers_cap(self) -> None:
        assert text.check_text("abcd", 4) == "abcd"
        refused(ErrorCode.TOO_LARGE, text.check_text, "abcde", 4)
        refused(ErrorCode.TOO_LARGE, text.check_text, "aaß", 3)

    @pytest.mark.parametrize(
        "blank",
        ["", " ", "\n\n", "\t", "\u3000", "\u2028", " \u200b \ufeff\n", "\u200b" * 2_730, *INVISIBLE],
        ids=lambda t: ascii(t[:9]),
    )
    def test_is_not_blank(self, blank: str) -> None:
        refused(ErrorCode.INVALID, text.check_text, blank)

    @pytest.mark.parametrize(
        "strange",
        ["\x1b[31m", "\u202eabc", "a" + "\u0301" * 4_000, "[@click=x]", "\0x", " padded ", "\x01", "\u200bx", *EMOJI],
        ids=lambda t: ascii(t[:9]),
    )
    def test_is_kept_as_it_came(self, strange: str) -> None:
        assert text.check_text(strange) == strange


class TestEmoji:
    @pytest.mark.parametrize("emoji", [*EMOJI, "x", "é", "e\u0301", "女", "+", "한"])
    def test_is_one_grapheme(self, emoji: str) -> None:
        assert text.check_emoji(emoji) == emoji

    @pytest.mark.parametrize(
        "emoji",
        ["", " ", "👍👍", "🇩🇪🇫🇷", "ab", "\r\n", "\n", "\x1b", "\u3000", "\x85", "\ufe0f\u0301", *INVISIBLE],
        ids=ascii,
    )
    def test_is_nothing_else(self, emoji: str) -> None:
        refused(ErrorCode.INVALID, text.check_emoji, emoji)

    def test_has_at_most_32_bytes(self) -> None:
        assert text.check_emoji("ee"[:1] + "\u0301" * 15)
        refused(ErrorCode.TOO_LARGE, text.check_emoji, "e" + "\u0301" * 16)


class TestMention:
    @pytest.mark.parametrize(
        ("said", "names"),
        [
            ("@bob", ["bob"]),
            ("hi @Bob and @ALICE", ["bob", "alice"]),
            ("(@bob)", ["bob"]),
            ("@bob, @bob; @bob!", ["bob"]),
            ("@bob.", ["bob.", "bob"]),
            ("@bob...", ["bob...", "bob..", "bob.", "bob"]),
            ("@a.b-c_d", ["a.b-c_d"]),
            ("line\n@bob\n", ["bob"]),
            ("„@bob“", ["bob"]),
            ("mail bob@example.org", []),
            ("@bob@example.org", []),
            ("@@bob", []),
            ("x@bob", []),
            ("@b", []),
            ("@", []),
            ("@ bob", []),
            ("@bobß", []),
            ("@" + "a" * 33, []),
            ("no mention", []),
        ],
    )
    def test_stands_outside_longer_words(self, said: str, names: list[str]) -> None:
        assert text.mentioned_names(said) == names

    @given(said=st.text(alphabet=st.sampled_from("@ab. -_\n😀ß"), max_size=200))
    def test_yields_each_possible_name_once(self, said: str) -> None:
        names = text.mentioned_names(said)
        assert len(names) == len(set(names))
        for name in names:
            assert text.check_username(name) == name
            assert f"@{name}" in said

    def test_is_found_in_linear_time(self) -> None:
        assert text.mentioned_names("@" * 8_192) == []
        assert len(text.mentioned_names("@ab " * 2_000)) == 1
        text.mentioned_names("@" + "a." * 4_000)


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"), [("ＡＢＣ", "abc"), ("Straße", "STRASSE"), ("e\u0301", "É"), ("\u212a", "k"), ("ﬁ", "FI")]
    )
    def test_brings_twins_together(self, one: str, other: str) -> None:
        assert text.fold(one) == text.fold(other)

    @given(some=st.text(max_size=50))
    def test_is_settled_after_once(self, some: str) -> None:
        assert text.fold(text.fold(some)) == text.fold(some)
