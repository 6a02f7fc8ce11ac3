-- The ledger: what the calls of each claim have used, whatever came of them. Budgets and figures go by this.
ALTER TABLE spend RENAME TO spend_before;
CREATE TABLE ledger (
    token INTEGER PRIMARY KEY,
    sbi INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    step TEXT NOT NULL,
    agent TEXT NOT NULL,
    account TEXT NOT NULL,
    model TEXT,
    session TEXT,
    tokens_in INTEGER CHECK (tokens_in >= 0),
    tokens_cached INTEGER CHECK (tokens_cached >= 0),
    tokens_out INTEGER CHECK (tokens_out >= 0),
    cost_usd REAL CHECK (cost_usd >= 0),
    metered INTEGER NOT NULL CHECK (metered IN (0, 1)),
    at INTEGER NOT NULL,
    worker TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO ledger
SELECT p.token, p.sbi, coalesce(t.number, 0), coalesce(t.step, ''), coalesce(t.agent, ''), coalesce(t.account, ''),
       t.model, t.session, t.tokens_in, NULL, t.tokens_out, p.cost_usd, 1, p.at, ''
FROM spend_before AS p LEFT JOIN turn AS t USING (token);
INSERT INTO ledger
SELECT token, sbi, number, step, agent, account, model, session, tokens_in, NULL, tokens_out, cost_usd, metered,
       finished_at, ''
FROM turn WHERE token NOT IN (SELECT token FROM ledger)
    AND (tokens_in IS NOT NULL OR tokens_out IS NOT NULL OR cost_usd IS NOT NULL);
DROP TABLE spend_before;
ALTER TABLE ledger RENAME TO spend;
CREATE INDEX spend_sbi ON spend (sbi, metered, cost_usd, tokens_in, tokens_out);
CREATE INDEX spend_at ON spend (at, metered, cost_usd);
CREATE INDEX spend_run ON spend (worker, metered, cost_usd);
CREATE INDEX spend_session ON spend (session) WHERE session IS NOT NULL;

-- What agents asked, and what was answered: a question that was answered once is not asked again.
CREATE TABLE question (
    sbi INTEGER NOT NULL REFERENCES sbi (number) ON DELETE CASCADE,
    turn INTEGER NOT NULL,
    text TEXT NOT NULL,
    key TEXT NOT NULL,
    agent TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    answer TEXT,
    answered_by TEXT,
    answered_at INTEGER,
    PRIMARY KEY (sbi, turn),
    CHECK ((answer IS NULL) = (answered_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX question_key ON question (sbi, key);

-- What agents suggest as new items, and what a person decided.
CREATE TABLE draft (
    parent TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    title TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'approved', 'rejected')),
    file TEXT,
    line INTEGER,
    severity TEXT NOT NULL,
    turn INTEGER,
    agent TEXT NOT NULL,
    reason TEXT,
    registered TEXT,
    decided_by TEXT,
    decided_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (parent, number),
    CHECK ((status = 'approved') = (registered IS NOT NULL)),
    CHECK ((status = 'open') = (decided_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX draft_open ON draft (created_at) WHERE status = 'open';

-- What `agent check` found of a client's version on a host.
CREATE TABLE agent_check (
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    host TEXT NOT NULL,
    result TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, version, host)
) STRICT, WITHOUT ROWID;

-- An item's calls since it was last granted a budget are those from this token on.
CREATE TABLE allowance (
    sbi INTEGER PRIMARY KEY REFERENCES sbi (number) ON DELETE CASCADE,
    from_token INTEGER NOT NULL
) STRICT;

-- A pause is of a whole account (only_agent is empty) or of one of its agents.
CREATE TABLE pause (
    account TEXT NOT NULL,
    only_agent TEXT NOT NULL,
    agent TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    until_at INTEGER,
    since_at INTEGER NOT NULL,
    by_person INTEGER NOT NULL CHECK (by_person IN (0, 1)),
    tries INTEGER NOT NULL CHECK (tries >= 0),
    PRIMARY KEY (account, only_agent)
) STRICT, WITHOUT ROWID;
INSERT INTO pause SELECT account, '', agent, reason, message, until_at, since_at, by_person, 0 FROM agent_pause;
DROP TABLE agent_pause;
ALTER TABLE pause RENAME TO agent_pause;
DROP TABLE agent_strike;
CREATE TABLE agent_strike (
    account TEXT NOT NULL,
    agent TEXT NOT NULL,
    sbi INTEGER NOT NULL,
    code TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (account, agent, sbi)
) STRICT, WITHOUT ROWID;
DELETE FROM meta WHERE name IN ('next', 'next_for', 'next_accounts');

ALTER TABLE answer ADD COLUMN remarks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE turn ADD COLUMN remarks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE turn ADD COLUMN tokens_cached INTEGER CHECK (tokens_cached >= 0);

-- What the figures go by, beside the long texts of turns and items.
CREATE INDEX turn_figures ON turn (finished_at, step, outcome, agent, account, model);
CREATE INDEX sbi_ended ON sbi (finished_at, status, registered_at, started_at, turn, parent) WHERE finished_at IS NOT NULL;
