-- The same tables as in SQLite. Every statement may run again after a crash in the middle: MySQL commits each by itself.
-- Every column of a table that is updated by rows (see mysql/statements) has a default.
-- No foreign keys: their checks would lock accounts and conversations that nobody changes.

CREATE TABLE IF NOT EXISTS meta (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS account (
    user BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
    username VARCHAR(64) NOT NULL UNIQUE,
    display_name VARCHAR(255) NOT NULL,
    display_folded TEXT NOT NULL,
    password VARCHAR(255) NOT NULL,
    status VARCHAR(16) NOT NULL DEFAULT 'online',
    status_text VARCHAR(255),
    created BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS invite (
    digest VARBINARY(64) NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL,
    used_by BIGINT
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS session (
    session BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
    user BIGINT NOT NULL,
    digest VARBINARY(64) NOT NULL UNIQUE,
    device_id VARCHAR(64),
    device_name VARCHAR(255),
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    KEY session_user (user)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Two rows a pair, one in the eyes of each; no row is 'none'.
CREATE TABLE IF NOT EXISTS contact (
    user BIGINT NOT NULL,
    other BIGINT NOT NULL,
    relation VARCHAR(16) NOT NULL DEFAULT '',
    PRIMARY KEY (user, other)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A direct conversation is of the users low < high; both are NULL in a group.
-- messages: how many were ever said.
CREATE TABLE IF NOT EXISTS conversation (
    conv BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
    kind VARCHAR(16) NOT NULL DEFAULT '',
    head BIGINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT 0,
    messages BIGINT NOT NULL DEFAULT 0,
    members BIGINT NOT NULL DEFAULT 0,
    title VARCHAR(255) NOT NULL DEFAULT '',
    title_folded VARCHAR(2048) NOT NULL DEFAULT '',
    topic VARCHAR(1024) NOT NULL DEFAULT '',
    visibility VARCHAR(16) NOT NULL DEFAULT '',
    writable TINYINT NOT NULL DEFAULT 1,
    low BIGINT,
    high BIGINT,
    created_by BIGINT NOT NULL DEFAULT 0,
    create_cid BINARY(16) NOT NULL DEFAULT '',
    create_digest VARBINARY(64) NOT NULL DEFAULT '',
    UNIQUE KEY conversation_made (created_by, create_cid),
    UNIQUE KEY conversation_pair (low, high),
    KEY conversation_found (visibility, kind, members)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Outlives the membership. joined: the seq of the latest join. sent: the own messages here.
-- read_messages and read_own: what conversation.messages and sent were at read_seq, so that unread is a subtraction.
CREATE TABLE IF NOT EXISTS member (
    conv BIGINT NOT NULL,
    user BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL DEFAULT '',
    role VARCHAR(16) NOT NULL DEFAULT '',
    joined BIGINT NOT NULL DEFAULT 0,
    sent BIGINT NOT NULL DEFAULT 0,
    read_seq BIGINT NOT NULL DEFAULT 0,
    read_messages BIGINT NOT NULL DEFAULT 0,
    read_own BIGINT NOT NULL DEFAULT 0,
    unread_from BIGINT,
    muted TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (conv, user),
    KEY member_user (user, state, conv)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Texts are only ever appended, and overwritten in place by as many zero bytes: a row that grows or moves would leave
-- copies of itself in unused space.
CREATE TABLE IF NOT EXISTS body (
    id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,
    text TEXT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- body: the present text; of an edited message that of its latest edit. From rev on: what later entries change of a
-- message.
CREATE TABLE IF NOT EXISTS entry (
    conv BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    kind VARCHAR(16) NOT NULL DEFAULT '',
    author BIGINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT 0,
    cid BINARY(16) NOT NULL DEFAULT '',
    digest VARBINARY(64) NOT NULL DEFAULT '',
    body BIGINT,
    target BIGINT,
    subject BIGINT,
    data TEXT,
    mentions TEXT,
    rev BIGINT,
    edit_seq BIGINT,
    edited_at BIGINT,
    delete_seq BIGINT,
    deleted_at BIGINT,
    PRIMARY KEY (conv, seq),
    UNIQUE KEY entry_cid (conv, author, cid)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS reaction (
    conv BIGINT NOT NULL,
    target BIGINT NOT NULL,
    user BIGINT NOT NULL,
    emoji VARCHAR(64) NOT NULL,
    is_on TINYINT NOT NULL DEFAULT 0,
    seq BIGINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (conv, target, user, emoji)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS mention (
    user BIGINT NOT NULL,
    conv BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (user, conv, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Search: up to which seq it knows the log of a conversation. Not in conversation: there it would be locked with it.
CREATE TABLE IF NOT EXISTS search_mark (
    conv BIGINT NOT NULL PRIMARY KEY,
    indexed BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Which conversations have which token, newest first by (at, seq); and each message's tokens, to take them back.
-- Tokens are the 64-bit numbers of domain/tokens.py.
CREATE TABLE IF NOT EXISTS search_token (
    token BIGINT NOT NULL,
    conv BIGINT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (token, conv, at, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS search_doc (
    conv BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    tokens MEDIUMBLOB,
    PRIMARY KEY (conv, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
