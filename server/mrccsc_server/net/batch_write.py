"""Many sockets written to by one system call.

A ``send`` wakes up who reads at the other end. Where that is a program of this machine (nginx in front of the node),
the kernel lets it run at once, in the node's place, so that a commit of fifty messages was told in fifty turns. Linux's
``io_submit`` works on sockets too, and for these it does everything before it returns: readers are woken up when all of
it is written.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
import threading
import weakref
from collections.abc import Sequence
from typing import NamedTuple

MOST = 128
"""Sockets that one call writes to at most."""


class _Calls(NamedTuple):
    """The numbers of the system calls."""

    setup: int
    destroy: int
    submit: int
    getevents: int


_CALLS = {"x86_64": _Calls(206, 207, 209, 208), "aarch64": _Calls(0, 1, 2, 4), "riscv64": _Calls(0, 1, 2, 4)}

# struct iocb of linux/aio_abi.h: what is the same for all (its number, then IOCB_CMD_PWRITE), and what is not.
_IOCB = 64
_FIXED = struct.Struct("=QIiHh")
_VARIABLE = struct.Struct("=IQQ")
_PWRITE = 1

_EVENT = 4
"""Integers of 64 bits in struct io_event: its number, an address, the result, another result."""


class BatchWriter:
    """Writes to sockets that do not block. For one thread."""

    def __init__(self, calls: _Calls) -> None:
        """Raises :class:`OSError` where the system does not allow it."""
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._calls = calls
        self._blocks = bytearray(_IOCB * MOST)
        for number in range(MOST):
            _FIXED.pack_into(self._blocks, _IOCB * number, number, 0, 0, _PWRITE, 0)
        first = ctypes.addressof(ctypes.c_char.from_buffer(self._blocks))
        self._pointers = (ctypes.c_void_p * MOST)(*(first + _IOCB * number for number in range(MOST)))
        self._events = (ctypes.c_int64 * (_EVENT * MOST))()
        context = ctypes.c_ulong(0)
        if self._call(ctypes.c_long(calls.setup), ctypes.c_long(MOST), ctypes.byref(context)):
            raise OSError(ctypes.get_errno(), "io_setup")
        self._context = context
        # The kernel does so itself at the end of the process.
        weakref.finalize(self, self._call, ctypes.c_long(calls.destroy), context).atexit = False

    def write(self, parts: Sequence[tuple[int, bytes]]) -> list[int]:
        """Write to each descriptor, of at most :data:`MOST`; how many bytes of each were taken, possibly none.

        Never raises for what is wrong with a socket: that shows when it is written to otherwise.
        """
        number = len(parts)
        if not number:
            return []
        data = b"".join([data for _, data in parts])
        address = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
        place = _FIXED.size
        for descriptor, part in parts:
            size = len(part)
            _VARIABLE.pack_into(self._blocks, place, descriptor, address, size)
            address += size
            place += _IOCB
        sent = self._call(
            ctypes.c_long(self._calls.submit), self._context, ctypes.c_long(number), ctypes.byref(self._pointers)
        )
        taken = [0] * number
        if sent > 0:
            self._reap(sent, taken)
        return taken

    def _reap(self, number: int, taken: list[int]) -> None:
        """Read the results. The writes are done, so that all are there at once."""
        done = self._call(
            ctypes.c_long(self._calls.getevents),
            self._context,
            ctypes.c_long(number),
            ctypes.c_long(number),
            ctypes.byref(self._events),
            None,
        )
        if done != number:
            raise OSError(ctypes.get_errno(), "io_getevents")
        results = self._events[: _EVENT * number]
        for place, size in zip(results[::_EVENT], results[2::_EVENT], strict=True):
            taken[place] = max(0, size)


_of_thread = threading.local()


def batch_writer() -> BatchWriter | None:
    """This thread's writer, or ``None`` on a system that has no such call, or does not allow it.

    It is kept, since giving one back takes the kernel tens of milliseconds.
    """
    if not hasattr(_of_thread, "writer"):
        _of_thread.writer = _make()
    writer: BatchWriter | None = _of_thread.writer
    return writer


def _make() -> BatchWriter | None:
    calls = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or calls is None or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    try:
        return BatchWriter(calls)
    except OSError:
        return None
