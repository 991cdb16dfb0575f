-- What was published is inserted and deleted, never replaced: it has a number and no version.

CREATE TABLE versions (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    function  TEXT NOT NULL,
    number    INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, function, number)
) STRICT;

CREATE TABLE service_versions (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    number    INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, number)
) STRICT;

-- The function is empty for an alias of a service. No function is named so.
CREATE TABLE aliases (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    function  TEXT NOT NULL,
    name      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, function, name)
) STRICT;

CREATE TABLE provisions (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, function, qualifier)
) STRICT;

CREATE TABLE on_demand (
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    dialect   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    function  TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    version   INTEGER NOT NULL,
    document  TEXT NOT NULL CHECK (json_valid(document)),
    PRIMARY KEY (account, region, dialect, namespace, function, qualifier)
) STRICT;
