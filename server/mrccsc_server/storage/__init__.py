"""The stores: everything that lasts.

``rows``        rows → entries, conversations, contacts: what every database shares
``migrations``  the schema's history as numbered SQL files, one folder a database
``sqlite``      the embedded default: one writer thread with group commit, a few readers
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from mrccsc_server.ports import Store, StoreError
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits


def make_store(url: str, limits: Limits) -> Store:
    """The store behind a URL: ``sqlite:///absolute/path`` or ``sqlite:relative/path``; not opened yet.

    Raises :class:`StoreError` for a URL that names no database.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "sqlite":
            path = unquote(parts.path)
            if parts.netloc or parts.query or parts.fragment or not path.strip("/"):
                raise StoreError("Write the database as sqlite:///path/to/the/file.")
            return SqliteStore(path, limits)
        case "mysql" | "mariadb":
            raise StoreError("This version has no MySQL yet; use sqlite:///path/to/the/file.")
    raise StoreError("The database is a URL that begins with sqlite:///.")
