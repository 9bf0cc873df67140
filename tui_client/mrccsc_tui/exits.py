"""Exit codes of the command and its scripts."""

OK, REFUSED, MISUSED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130
