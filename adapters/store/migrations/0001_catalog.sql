-- Keys and versions are columns, because writes are decided by them; everything else is one JSON document,
-- because it is only ever read and written as a whole.

CREATE TABLE namespaces (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    dialect  TEXT NOT NULL,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, name)
) STRICT;

CREATE TABLE functions (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, name)
) STRICT;

CREATE TABLE quotas (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    dialect  TEXT NOT NULL,
    document TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect)
) STRICT;
