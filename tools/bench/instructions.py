"""Counting a process's own instructions: what code costs, however busy the machine is.

Times on a shared machine say as much about the neighbours as about the code; the number of instructions hardly changes
from run to run. It says nothing of waiting, and little of memory. By ``perf_event_open`` (see its manual page), which
containers and old kernels may refuse.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_NUMBERS = {"x86_64": 298, "aarch64": 241}
"""The number of the system call."""

_SIZE = 128
_INSTRUCTIONS = 1
_INHERIT, _NO_KERNEL, _NO_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6


class Instructions:
    """Counts those that this thread has executed in user mode, and all threads that are started after it was made.

    Raises :class:`OSError` where the system does not count for us.
    """

    def __init__(self) -> None:
        attributes = bytearray(_SIZE)
        flags = _INHERIT | _NO_KERNEL | _NO_HYPERVISOR
        struct.pack_into("<IIQQQQQ", attributes, 0, 0, _SIZE, _INSTRUCTIONS, 0, 0, 0, flags)
        number = _NUMBERS.get(platform.machine())
        if number is None:
            raise OSError("The number of the system call is not known on this processor.")
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.syscall(number, (ctypes.c_char * _SIZE).from_buffer(attributes), 0, -1, -1, 0)
        if self._file < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def count(self) -> int:
        """Those so far."""
        (counted,) = struct.unpack("<Q", os.read(self._file, 8))
        return int(counted)
