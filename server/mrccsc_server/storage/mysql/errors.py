"""What a driver or the server complains of → what is to be done about it."""

from __future__ import annotations

import ssl

from mrccsc_server.ports import StoreAway, StoreError
from mrccsc_server.storage.database import Unstorable
from mrccsc_server.storage.mysql.url import Address


class Failed(Exception):
    """The database cannot do it now: full, read-only, shutting down, broken."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})" if code else message)
        self.code = code
        self.message = message


class Lost(Failed):
    """The connection is gone; what was under way may or may not have been done."""


class Conflict(Failed):
    """The whole transaction was or is to be undone, and may go better another time: deadlock, lock timeout."""


_CONFLICTS = {
    1020,  # record has changed since last read
    1205,  # lock wait timeout
    1213,  # deadlock
    1690,  # number out of range: what a transaction supposed is not so (MysqlTransaction.advance)
    3572,  # lock not available at once
    4025,  # a constraint of the cluster's certification, on some versions of Galera
}
_LOST = {
    1053,  # shutdown in progress
    1152, 1158, 1159, 1160, 1161, 1184,  # the network, as the server sees it
    1317,  # query interrupted
    1927,  # connection was killed
    2002, 2003, 2006, 2013, 2014, 2055,  # the network, as the driver sees it
    4031,  # disconnected for being idle
}  # fmt: skip
_UNSTORABLE = {
    1048,  # NULL where there must be a value
    1062,  # duplicate key
    1153,  # larger than a packet may be
    1264,  # number out of range
    1292, 1300,  # not text of its character set
    1364, 1365,
    1366,  # not a value of its column
    1406,  # too long for its column
    3854,
}  # fmt: skip
_DENIED = {1044, 1045, 1698, 1130, 1227, 1142, 1251, 1275, 2059, 2061}
_UNKNOWN_DATABASE = 1049
_NO_ROOM = {1040, 1203, 1226, 1129}


def said(error: Exception) -> tuple[int, str]:
    """The number of a driver's error, 0 without one, and its text."""
    code = error.args[0] if error.args else 0
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    return (code if isinstance(code, int) else 0), message


def judge(code: int, message: str) -> Failed | Unstorable:
    """What an error on an open connection means."""
    if code in _CONFLICTS:
        return Conflict(code, message)
    if code in _UNSTORABLE:
        # The message quotes what was said.
        return Unstorable(f"error {code}")
    # Without a number it is about the connection's own state.
    return Lost(code, message) if code in _LOST or not code else Failed(code, message)


def no_tls(address: Address) -> StoreError:
    """Why a database without TLS is not used where that is asked for."""
    return StoreError(f"The database {address.shown} offers no TLS, which the option ssl_ca asks for.")


def explain(error: BaseException, address: Address) -> StoreError:
    """Why a connection could not be opened, in a sentence for the operator."""
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StoreError(
            f"The database {address.shown} does not show a certificate that {address.ssl_ca} vouches for:"
            f" {cause.verify_message}."
        )
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return no_tls(address)
    if isinstance(cause, ssl.SSLError):
        return StoreError(f"The database {address.shown} does not speak TLS as it should: {cause.reason}.")
    if isinstance(error, UnicodeEncodeError):
        return StoreError("The password of the database may hold only Latin letters, digits and signs.")
    if isinstance(error, RuntimeError) and "cryptography" in str(error):
        return StoreError(
            f"The database {address.shown} asks for a password as MySQL 8 does; use TLS (the option ssl_ca), or install"
            " the package cryptography."
        )
    code = said(error)[0] if isinstance(error, Exception) else 0
    if code == _UNKNOWN_DATABASE:
        return StoreError(
            f"There is no database {address.database} at {address.host}:{address.port}; create it with:"
            f" CREATE DATABASE `{address.database}`."
        )
    if code in _DENIED:
        return StoreError(
            f"The database {address.shown} does not let the user {address.user} in ({code});"
            " check the user name, the password and the user's rights."
        )
    if code in _NO_ROOM:
        return StoreAway(f"The database {address.shown} takes no more connections ({code}).")
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return StoreAway(f"The database {address.shown} does not answer.")
    if isinstance(cause, OSError):
        return StoreAway(f"The database {address.shown} cannot be reached: {cause.strerror or cause}.")
    if code in _LOST or isinstance(error, EOFError | Failed):
        return StoreAway(f"The database {address.shown} ends connections; it may be starting or stopping.")
    if not code:
        return StoreError(f"What answers at {address.host}:{address.port} is no MySQL or MariaDB.")
    return StoreError(f"The database {address.shown} cannot be used: {error.args[-1]} ({code}).")
