-- Numbers per kind and claim tokens: never reused, so never derived from the rows that are left.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts about this backlog: its uid, its epoch (part of every claim), which item is next.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE epic (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'PLANNING', 'PLANNED', 'IN_PROGRESS', 'DONE', 'FAILED')),
    priority TEXT NOT NULL CHECK (priority IN ('urgent', 'high', 'normal', 'low')),
    labels TEXT NOT NULL,
    owner TEXT NOT NULL,
    key TEXT UNIQUE,
    source TEXT,
    source_hash TEXT,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pbi (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'PLANNING', 'PLANNED', 'IN_PROGRESS', 'DONE', 'FAILED')),
    priority TEXT NOT NULL CHECK (priority IN ('urgent', 'high', 'normal', 'low')),
    parent TEXT,
    labels TEXT NOT NULL,
    story_points INTEGER CHECK (story_points BETWEEN 0 AND 13),
    owner TEXT NOT NULL,
    key TEXT UNIQUE,
    source TEXT,
    source_hash TEXT,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pbi_parent ON pbi (parent, status) WHERE parent IS NOT NULL;

-- stage is derived from status and resume when a row is written (store/rows.py), so that indexes can name it.
-- spec is the last column: what stands behind a long text is reached only by reading through it.
CREATE TABLE sbi (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'PICKED', 'IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING',
        'PARKED', 'FAILED', 'DONE', 'CANCELLED')),
    stage TEXT NOT NULL CHECK (stage = CASE
        WHEN status = 'PENDING' THEN 'pending'
        WHEN status IN ('PARKED', 'FAILED') THEN CASE resume WHEN 1 THEN 'resumable' ELSE 'stopped' END
        WHEN status IN ('DONE', 'CANCELLED') THEN 'ended'
        ELSE 'working' END),
    priority TEXT NOT NULL CHECK (priority IN ('urgent', 'high', 'normal', 'low')),
    rank INTEGER NOT NULL CHECK (rank BETWEEN 0 AND 3),
    parent TEXT,
    labels TEXT NOT NULL,
    paths TEXT NOT NULL,
    agent TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    only_implement INTEGER NOT NULL CHECK (only_implement IN (0, 1)),
    estimate_hours REAL,
    max_turns INTEGER CHECK (max_turns > 0),
    checks TEXT NOT NULL,
    owner TEXT NOT NULL,
    key TEXT UNIQUE,
    source TEXT,
    source_hash TEXT,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    turn INTEGER NOT NULL CHECK (turn >= 0),
    turns_before INTEGER NOT NULL CHECK (turns_before BETWEEN 0 AND turn),
    turns_reset INTEGER NOT NULL CHECK (turns_reset BETWEEN 0 AND turn),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    setbacks INTEGER NOT NULL CHECK (setbacks >= 0),
    reviews INTEGER NOT NULL CHECK (reviews >= 0),
    reason TEXT,
    question TEXT,
    stopped_in TEXT CHECK ((stopped_in IS NOT NULL) = (status IN ('PARKED', 'FAILED'))
        OR status = 'CANCELLED'),
    resume INTEGER NOT NULL CHECK (resume = 0 OR status IN ('PARKED', 'FAILED')),
    hint TEXT,
    manifest TEXT,
    not_before INTEGER,
    waits_on INTEGER CHECK (waits_on IS NULL OR stage IN ('pending', 'resumable')),
    waits_for TEXT CHECK ((waits_for IS NULL) = (waits_on IS NULL) AND waits_for IN ('need', 'paths')),
    refused_at INTEGER,
    refused_starts INTEGER,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER CHECK (finished_at IS NOT NULL OR stage <> 'ended'),
    lease_token INTEGER CHECK (lease_token IS NULL OR stage = 'working'),
    lease_worker TEXT CHECK ((lease_worker IS NULL) = (lease_token IS NULL)),
    lease_until INTEGER,
    lease_boot TEXT,
    lease_agent TEXT,
    lease_account TEXT,
    lease_at INTEGER,
    spec TEXT NOT NULL
) STRICT;
-- Each index ends with number, the rowid, without naming it: named, it would not serve `number > :number`.
CREATE INDEX sbi_ready ON sbi (agent, rank) WHERE stage = 'pending' AND waits_on IS NULL AND held = 0;
CREATE INDEX sbi_working ON sbi (rank) WHERE stage = 'working';
CREATE INDEX sbi_resumable ON sbi (rank) WHERE stage = 'resumable' AND waits_on IS NULL AND held = 0;
CREATE UNIQUE INDEX sbi_token ON sbi (lease_token) WHERE lease_token IS NOT NULL;
CREATE INDEX sbi_claimed ON sbi (lease_worker) WHERE lease_token IS NOT NULL;
CREATE INDEX sbi_waits ON sbi (waits_on, rank) WHERE waits_on IS NOT NULL;
CREATE INDEX sbi_refused ON sbi (rank, refused_starts)
    WHERE refused_at IS NOT NULL AND held = 0 AND waits_for IS NOT 'need';
CREATE INDEX sbi_status ON sbi (status);
CREATE INDEX sbi_parent ON sbi (parent, status) WHERE parent IS NOT NULL;
CREATE INDEX sbi_source ON sbi (source, source_hash) WHERE source IS NOT NULL;

-- rank is that of sbi while it is open, else the lowest: so the most urgent of all that need an item is one look-up.
CREATE TABLE need (
    sbi INTEGER NOT NULL REFERENCES sbi (number) ON DELETE CASCADE,
    needs INTEGER NOT NULL REFERENCES sbi (number),
    rank INTEGER NOT NULL CHECK (rank BETWEEN 0 AND 3),
    PRIMARY KEY (sbi, needs),
    CHECK (sbi <> needs)
) STRICT, WITHOUT ROWID;
CREATE INDEX need_reverse ON need (needs, rank, sbi);

-- An sbi as the program sees it: its needs are in their own table, for looking at them from both ends.
CREATE VIEW sbi_full AS
SELECT
    sbi.*,
    (SELECT json_group_array('SBI-' || needs ORDER BY needs) FROM need WHERE need.sbi = sbi.number) AS depends_on
FROM sbi;

-- Items that ended with more waiters than one transaction may return.
CREATE TABLE releasing (
    number INTEGER PRIMARY KEY
) STRICT;

-- An agent call that may still have processes: written with the claim, removed when the call is known to have ended.
CREATE TABLE call (
    token INTEGER PRIMARY KEY,
    sbi INTEGER NOT NULL,
    worker TEXT NOT NULL,
    boot TEXT NOT NULL,
    outbox TEXT NOT NULL,
    guard_pid INTEGER,
    guard_start TEXT,
    guard_namespace TEXT,
    guard_lock TEXT
) STRICT;
CREATE INDEX call_sbi ON call (sbi);

-- What an agent handed in for the running turn and nobody has judged yet.
CREATE TABLE answer (
    sbi INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    token INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    decision TEXT,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (sbi, turn)
) STRICT, WITHOUT ROWID;

CREATE TABLE turn (
    sbi INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    step TEXT NOT NULL,
    agent TEXT NOT NULL,
    account TEXT NOT NULL,
    outcome TEXT NOT NULL,
    decision TEXT,
    report TEXT,
    findings TEXT NOT NULL,
    error TEXT,
    worker TEXT NOT NULL,
    token INTEGER NOT NULL UNIQUE,
    attempt INTEGER NOT NULL,
    session TEXT,
    model TEXT,
    cost_usd REAL,
    metered INTEGER NOT NULL CHECK (metered IN (0, 1)),
    tokens_in INTEGER,
    tokens_out INTEGER,
    tree TEXT,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    PRIMARY KEY (sbi, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX turn_finished ON turn (finished_at, token);

-- What calls have cost, those that came to no outcome, too: budgets go by this.
CREATE TABLE spend (
    token INTEGER PRIMARY KEY,
    sbi INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX spend_sbi ON spend (sbi);
CREATE INDEX spend_at ON spend (at, cost_usd);

CREATE TABLE worker (
    uid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_start TEXT NOT NULL,
    namespace TEXT NOT NULL,
    boot TEXT NOT NULL,
    slots INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'finishing')),
    stop TEXT CHECK (stop IN ('finish', 'now')),
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- owner is NULL while nobody holds it; the row stays, so that its token only grows.
CREATE TABLE lock (
    name TEXT PRIMARY KEY,
    owner TEXT,
    token INTEGER NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    boot TEXT NOT NULL,
    acquired_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    expires_boot INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_pause (
    account TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    until_at INTEGER,
    since_at INTEGER NOT NULL,
    by_person INTEGER NOT NULL CHECK (by_person IN (0, 1))
) STRICT, WITHOUT ROWID;

-- The same error on different items in a row: three strikes pause the agent.
CREATE TABLE agent_strike (
    account TEXT NOT NULL,
    sbi INTEGER NOT NULL,
    code TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (account, sbi)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    item TEXT,
    event TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT,
    turn INTEGER,
    step TEXT,
    agent TEXT,
    decision TEXT,
    elapsed_ms INTEGER,
    error TEXT,
    detail TEXT
) STRICT;
CREATE INDEX journal_item ON journal (item, seq) WHERE item IS NOT NULL;
