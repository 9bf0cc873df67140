-- Times are milliseconds since 1970 by the database's clock. Identifiers avoid the reserved words of all our databases.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    user INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    display_folded TEXT NOT NULL,
    password TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'online',
    status_text TEXT,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE invite (
    digest BLOB NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL,
    used_by INTEGER REFERENCES account (user)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    session INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES account (user),
    digest BLOB NOT NULL UNIQUE,
    device_id TEXT,
    device_name TEXT,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user);

-- Two rows a pair, one in the eyes of each; no row is 'none'.
CREATE TABLE contact (
    user INTEGER NOT NULL REFERENCES account (user),
    other INTEGER NOT NULL REFERENCES account (user),
    relation TEXT NOT NULL,
    PRIMARY KEY (user, other)
) STRICT, WITHOUT ROWID;

-- A direct conversation is of the users low < high; both are NULL in a group.
-- messages: how many were ever said.
CREATE TABLE conversation (
    conv INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    head INTEGER NOT NULL,
    at INTEGER NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    members INTEGER NOT NULL,
    title TEXT NOT NULL,
    title_folded TEXT NOT NULL,
    topic TEXT NOT NULL,
    visibility TEXT NOT NULL,
    writable INTEGER NOT NULL DEFAULT 1,
    low INTEGER,
    high INTEGER,
    created_by INTEGER NOT NULL REFERENCES account (user),
    create_cid BLOB NOT NULL,
    create_digest BLOB NOT NULL,
    UNIQUE (created_by, create_cid),
    UNIQUE (low, high)
) STRICT;
CREATE INDEX conversation_found ON conversation (members) WHERE visibility = 'public' AND kind = 'group';

-- Outlives the membership. joined: the seq of the latest join. sent: the own messages here.
-- read_messages and read_own: what conversation.messages and sent were at read_seq, so that unread is a subtraction.
CREATE TABLE member (
    conv INTEGER NOT NULL REFERENCES conversation (conv),
    user INTEGER NOT NULL REFERENCES account (user),
    state TEXT NOT NULL,
    role TEXT NOT NULL,
    joined INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    read_seq INTEGER NOT NULL DEFAULT 0,
    read_messages INTEGER NOT NULL DEFAULT 0,
    read_own INTEGER NOT NULL DEFAULT 0,
    unread_from INTEGER,
    muted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conv, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_user ON member (user, state);

-- Texts are only ever appended, and overwritten in place by as many zero bytes. So no page of this table is ever
-- rebuilt: rebuilding leaves copies of the moved rows in unused space, where secure_delete does not reach them.
CREATE TABLE body (
    id INTEGER NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

-- body: the present text; of an edited message that of its latest edit. From rev on: what later entries change of a
-- message.
-- No foreign keys: this is the hot path, and its rows come from facts that were read in the same transaction.
CREATE TABLE entry (
    conv INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    author INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cid BLOB NOT NULL,
    digest BLOB NOT NULL,
    body INTEGER,
    target INTEGER,
    subject INTEGER,
    data TEXT,
    mentions TEXT,
    rev INTEGER,
    edit_seq INTEGER,
    edited_at INTEGER,
    delete_seq INTEGER,
    deleted_at INTEGER,
    PRIMARY KEY (conv, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entry_cid ON entry (conv, author, cid);

CREATE TABLE reaction (
    conv INTEGER NOT NULL,
    target INTEGER NOT NULL,
    user INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    is_on INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (conv, target, user, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE mention (
    user INTEGER NOT NULL,
    conv INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user, conv, seq)
) STRICT, WITHOUT ROWID;

-- Search: up to which seq it knows the log of a conversation. Not in conversation: there it would be locked with it.
CREATE TABLE search_mark (
    conv INTEGER NOT NULL PRIMARY KEY REFERENCES conversation (conv),
    indexed INTEGER NOT NULL
) STRICT;

-- Which conversations have which token, newest first by (at, seq); and each message's tokens, to take them
-- back. Tokens are the 64-bit numbers of domain/tokens.py.
CREATE TABLE search_token (
    token INTEGER NOT NULL,
    conv INTEGER NOT NULL,
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (token, conv, at, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE search_doc (
    conv INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    tokens BLOB NOT NULL,
    PRIMARY KEY (conv, seq)
) STRICT, WITHOUT ROWID;
