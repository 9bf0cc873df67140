"""The process that :mod:`mrccsc_server.net.watchdog` starts: it shuts the listening sockets of a node that is silent.

Run by its path, with nothing but the standard library: it must be small, and be up before the node listens. Standard
input is its end of a socket pair, on which each message is one packet: ``.`` a beat; ``+`` with the sockets to look
after from now on; ``-`` none of them. Its one argument is how many seconds of silence are too many. It ends with the
node, whose end of the pair is then gone.
"""

import contextlib
import select
import signal
import socket
import sys


def main(patience: float) -> None:
    """Look after the sockets until the node is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # These are for the node, which may need its sockets looked after while it ends.
        signal.signal(number, signal.SIG_IGN)
    line = socket.socket(fileno=0)
    watched: list[socket.socket] = []
    while True:
        ready, _, _ = select.select([line], [], [], patience if watched else None)
        if not ready:
            for sock in watched:
                with contextlib.suppress(OSError):
                    # For every process that has it: the node need not run to be rid of it.
                    sock.shutdown(socket.SHUT_RDWR)
            _forget(watched)
            continue
        message, handed, _, _ = socket.recv_fds(line, 16, 64)
        if not message:
            return
        if message != b".":
            _forget(watched)
            watched += [socket.socket(fileno=number) for number in handed]


def _forget(watched: list[socket.socket]) -> None:
    for sock in watched:
        sock.close()
    watched.clear()


if __name__ == "__main__":
    main(float(sys.argv[1]))
