"""``make fuzz``: hunt for as long as told, target after target, each round with another seed.

``python -m tests.fuzz --seconds 600 --seed 7 [--targets request server]``. What breaks something is put into the
corpus, where every test run tries it again, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time

from tests.fuzz.hunt import Finding, hunt
from tests.fuzz.inputs import CORPUS
from tests.fuzz.targets import TARGETS

EXAMPLES = 100
"""Inputs of one hunt."""


def main() -> int:
    """Hunt; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", nargs="*", choices=sorted(TARGETS), default=list(TARGETS), help="only these")
    options = parser.parse_args()
    found: dict[str, Finding] = {}
    began, done, turn = time.monotonic(), 0, 0
    while time.monotonic() - began < options.seconds and len(found) < len(options.targets):
        for name in options.targets:
            if name in found or time.monotonic() - began >= options.seconds:
                continue
            finding = hunt(name, examples=EXAMPLES, seed=options.seed * 1_000_003 + turn)
            done += EXAMPLES
            if finding is not None:
                found[name] = finding
                sys.stdout.write(f"\n{finding}\nkept as {_keep(finding)}\n")
                sys.stdout.flush()
            _tell(f"{time.monotonic() - began:6.0f} s  {done} inputs, {len(found)} found; {name}")
        turn += 1
    sys.stdout.write(f"\n{done} inputs with seed {options.seed}: {', '.join(found) or 'nothing'} broken\n")
    return 1 if found else 0


def _keep(finding: Finding) -> str:
    folder = CORPUS / finding.target
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"found-{hashlib.sha256(finding.data).hexdigest()[:12]}"
    file.write_bytes(finding.data)
    return str(file)


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
