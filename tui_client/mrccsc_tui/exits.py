"""Exit codes of the command and its scripts."""

OK, REFUSED, MISUSED, UNREACHABLE, HUNG_UP, INTERRUPTED = 0, 1, 2, 3, 129, 130
