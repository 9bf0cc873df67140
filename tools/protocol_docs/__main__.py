"""Write the generated parts of the documents, or with ``--check`` say whether they are up to date."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from mrccsc_shared import messages
from tools.protocol_docs import tables
from tools.protocol_docs.schema import build_schema

DOCS = Path(__file__).parents[2] / "docs"
REGION = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def render() -> dict[Path, str]:
    """The text that every document with generated parts should have now."""
    schema = build_schema()
    features = [name for name in messages.__all__ if name[0].islower()]
    protocol = {f"messages {name}": tables.feature(schema, name) for name in features}
    protocol |= {
        "entries": tables.entries(schema),
        "errors": tables.errors(),
        "closing": tables.closing(),
        "limits": tables.numbers(),
    }
    return {
        DOCS / "protocol.md": _fill(DOCS / "protocol.md", protocol),
        DOCS / "operations.md": _fill(DOCS / "operations.md", {"limits": tables.operator_numbers()}),
        DOCS / "protocol.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def _fill(document: Path, regions: dict[str, str]) -> str:
    prose = document.read_text()
    places = {match["name"] for match in REGION.finditer(prose)}
    if places != regions.keys():
        odd = ", ".join(sorted(places ^ regions.keys()))
        raise SystemExit(f"docs/{document.name}: these regions are not where they belong: {odd}")
    return REGION.sub(lambda match: f"{match[1]}\n{regions[match['name']].rstrip()}\n\n{match[3]}", prose)


def main() -> int:
    """Exit code 1 when ``--check`` finds a document that is not what the models say."""
    parser = argparse.ArgumentParser(prog="python -m tools.protocol_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    check = parser.parse_args().check
    documents = render()
    stale = [path for path, text in documents.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            print(f"docs/{path.name} is not what the models say: run 'make docs'", file=sys.stderr)
        else:
            path.write_text(documents[path])
            print(f"wrote docs/{path.name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
