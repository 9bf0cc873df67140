"""The operator's limits as a table, with the words that stand beside them in the model."""

from __future__ import annotations

import ast
import inspect

from mrccsc_shared import limits

_WITHOUT_WORDS = {
    "heartbeat": "Seconds within which each side says something; after 2.5 of them a silent link is cut.",
    "max_line": "Bytes of a line from a client, its newline included.",
    "max_text": "UTF-8 bytes of a message.",
    "unanswered": "Unanswered requests at which the server stops reading a connection.",
    "password_workers": "Threads that check passwords.",
    "failure_delay_max": "Seconds to which that delay grows.",
    "invite_days": "Days that an invite code is good for.",
}


def operator_limits() -> list[tuple[str, str, str]]:
    """Name, default and meaning of each limit. Raises KeyError for one without words."""
    words = _words()
    rows = []
    for name, field in limits.Limits.model_fields.items():
        default = f"{field.default:g}" if isinstance(field.default, float) else f"{field.default:,}".replace(",", "_")
        rows.append((f"`{name}`", default, words.get(name) or _WITHOUT_WORDS[name]))
    return rows


def _words() -> dict[str, str]:
    """The sentences below the fields of ``Limits``. That of a burst is its rate's as well."""
    (definition,) = ast.parse(inspect.getsource(limits.Limits)).body
    assert isinstance(definition, ast.ClassDef)
    words: dict[str, str] = {}
    name = ""
    for node in definition.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                words[name] = " ".join(text.replace("``", "`").split())
                if name.endswith("_burst"):
                    stem = name.removesuffix("_burst")
                    words[name] = f"At once: {words[name][0].lower()}{words[name][1:]}"
                    words[f"{stem}_rate"] = f"Per second: {words[name].removeprefix('At once: ')}"
    return words
