"""The stores: everything that lasts.

``database``       the seam: what a store asks of its database
``store``          all stores on one database, put together
``accounts`` ``sessions`` ``contacts`` ``conversations`` ``log`` ``search``   one port each
``rows``           rows → entries, conversations, contacts
``entries`` ``views`` ``marks`` ``catchup``   reading for several ports: entries, conversations, counts, snapshots
``facts`` ``changes``     what a plan of the log needs, and writing what it made
``recent``         how this node has left the conversations: of most messages nothing else must be read
``indexing``       keeping the table that search looks things up in; ``index_backlog`` what it has not seen yet
``json_rows``      many small rows as one
``shared_views``   what all members see alike of a conversation, encoded and kept for the next who signs in
``query_batcher``  calls that arrive together share their queries
``migrations``     the schema's history as numbered SQL files, one folder a database
``sqlite``         the embedded default: one writer thread with group commit, a few readers
``mysql``          the database of a cluster
"""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

from mrccsc_server.ports import Store, StoreError
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits


def make_store(url: str, limits: Limits) -> Store:
    """The store behind a URL; not opened yet.

    ``sqlite:///absolute/path``, ``sqlite:relative/path``, or ``mysql://user:password@host:3306/name``: with the scheme
    ``mysql`` or ``mariadb`` by aiomysql, with ``mysql+asyncmy`` by asyncmy, and the options ``pool`` (connections, 8)
    and ``ssl_ca`` (a file of certificates, for TLS).

    Raises :class:`StoreError` for a URL that names no database.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise StoreError("The database is a URL that begins with sqlite:/// or mysql://.") from None
    if parts.scheme == "sqlite":
        return _make_sqlite(parts, limits)
    if parts.scheme.partition("+")[0] in ("mysql", "mariadb"):
        return _make_mysql(parts, limits)
    raise StoreError("The database is a URL that begins with sqlite:/// or mysql://.")


def _make_sqlite(parts: SplitResult, limits: Limits) -> Store:
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.strip("/"):
        raise StoreError("Write the database as sqlite:///path/to/the/file.")
    return SqliteStore(path, limits)


def _make_mysql(parts: SplitResult, limits: Limits) -> Store:
    # The embedded node is spared the drivers.
    from mrccsc_server.storage.mysql.store import MysqlStore  # noqa: PLC0415
    from mrccsc_server.storage.mysql.url import parse  # noqa: PLC0415

    return MysqlStore(parse(parts), limits)
