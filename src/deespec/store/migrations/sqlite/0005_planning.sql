-- The decomposition of a PBI is a row of sbi whose number is below 0, so that all that holds for the work on an SBI holds
-- for it. Its uid is that of the PBI; what the PBI has below it does not count it. While it waits to be begun its stage is
-- asked, so that what is chosen among SBIs does not come by it. (A CHECK cannot be changed in place.)
-- The view goes (queries/_with_needs.sql is in its place): where a view comes first in the schema as SQLite 3.54.1 keeps it,
-- integrity_check leaves the freelist out [measured].
DROP VIEW sbi_full;
CREATE TABLE sbi_now (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'PICKED', 'IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING',
        'DECOMPOSING', 'PARKED', 'FAILED', 'DONE', 'CANCELLED', 'DECOMPOSED'))
        CHECK (CASE WHEN number < 0 THEN status NOT IN ('IMPLEMENTING', 'REVIEWING', 'RESOLVING', 'INTEGRATING', 'DONE')
            ELSE status NOT IN ('DECOMPOSING', 'DECOMPOSED') END),
    stage TEXT NOT NULL CHECK (stage = CASE
        WHEN status = 'PENDING' THEN CASE WHEN number < 0 THEN 'asked' ELSE 'pending' END
        WHEN status IN ('PARKED', 'FAILED') THEN CASE resume WHEN 1 THEN 'resumable' ELSE 'stopped' END
        WHEN status IN ('DONE', 'CANCELLED', 'DECOMPOSED') THEN 'ended'
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
INSERT INTO sbi_now (
    number, uid, title, status, stage, priority, rank, parent, labels, paths, agent, reviewer, only_implement,
    estimate_hours, max_turns, checks, owner, key, source, source_hash, held, turn, turns_before, turns_reset,
    attempts, setbacks, reviews, reason, question, stopped_in, resume, hint, manifest, not_before, waits_on,
    waits_for, refused_at, refused_starts, registered_at, updated_at, started_at, finished_at, lease_token,
    lease_worker, lease_until, lease_boot, lease_agent, lease_account, lease_at, spec
)
SELECT
    number, uid, title, status, stage, priority, rank, parent, labels, paths, agent, reviewer, only_implement,
    estimate_hours, max_turns, checks, owner, key, source, source_hash, held, turn, turns_before, turns_reset,
    attempts, setbacks, reviews, reason, question, stopped_in, resume, hint, manifest, not_before, waits_on,
    waits_for, refused_at, refused_starts, registered_at, updated_at, started_at, finished_at, lease_token,
    lease_worker, lease_until, lease_boot, lease_agent, lease_account, lease_at, spec
FROM sbi;
DROP TABLE sbi;
ALTER TABLE sbi_now RENAME TO sbi;
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
CREATE INDEX sbi_ended ON sbi (finished_at, status, registered_at, started_at, turn, parent) WHERE finished_at IS NOT NULL;
CREATE INDEX sbi_decompositions ON sbi (rank) WHERE stage = 'asked' AND held = 0;

-- What a PBI's decomposition goes by, and whether it is asked for by itself.
ALTER TABLE pbi ADD COLUMN auto INTEGER NOT NULL DEFAULT 0 CHECK (auto IN (0, 1));
ALTER TABLE pbi ADD COLUMN auto_approve INTEGER NOT NULL DEFAULT 0 CHECK (auto_approve IN (0, 1));
ALTER TABLE pbi ADD COLUMN drafts_least INTEGER CHECK (drafts_least > 0);
ALTER TABLE pbi ADD COLUMN drafts_most INTEGER CHECK (drafts_most > 0);

-- sbi, pbi, or both with a comma between: of what a worker takes.
ALTER TABLE worker ADD COLUMN workflows TEXT NOT NULL DEFAULT 'sbi';

-- needs names drafts (PBI-7/2) and SBIs. A waiting draft is approved, and not registered before those that it needs.
CREATE TABLE draft_now (
    parent TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    title TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'waiting', 'approved', 'rejected', 'replaced')),
    file TEXT,
    line INTEGER,
    severity TEXT NOT NULL,
    turn INTEGER,
    agent TEXT NOT NULL,
    labels TEXT NOT NULL,
    paths TEXT NOT NULL,
    needs TEXT NOT NULL,
    estimate_hours REAL,
    only_implement INTEGER NOT NULL CHECK (only_implement IN (0, 1)),
    replaces INTEGER,
    edited INTEGER NOT NULL CHECK (edited IN (0, 1)),
    hold INTEGER NOT NULL CHECK (hold IN (0, 1)),
    reason TEXT,
    registered TEXT,
    decided_by TEXT,
    decided_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (parent, number),
    CHECK ((status = 'approved') = (registered IS NOT NULL)),
    CHECK ((status IN ('open', 'replaced')) = (decided_at IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO draft_now
SELECT parent, number, title, spec, status, file, line, severity, turn, agent, '[]', '[]', '[]', NULL, 0, NULL, 0, 0,
    reason, registered, decided_by, decided_at, created_at, updated_at
FROM draft;
DROP TABLE draft;
ALTER TABLE draft_now RENAME TO draft;
CREATE INDEX draft_open ON draft (created_at) WHERE status IN ('open', 'waiting');
