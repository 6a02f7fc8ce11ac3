-- What Git holds of an item: a row for each that was registered in a repository or worked on in a worktree.
CREATE TABLE work (
    sbi INTEGER PRIMARY KEY REFERENCES sbi (number) ON DELETE CASCADE,
    generation INTEGER NOT NULL CHECK (generation > 0),
    registered TEXT,
    start TEXT,
    onto TEXT,
    conflict TEXT,
    touched TEXT NOT NULL,
    restarts INTEGER NOT NULL CHECK (restarts >= 0),
    request TEXT,
    published TEXT,
    head TEXT,
    taken TEXT NOT NULL
) STRICT;

-- A move of the target that is decided and may have happened: written before the ref moves, removed with the settlement.
CREATE TABLE integration (
    sbi INTEGER PRIMARY KEY REFERENCES sbi (number),
    kind TEXT NOT NULL CHECK (kind IN ('merge', 'undo')),
    target TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    token INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- Every move of the target for an item, in order.
CREATE TABLE merge (
    number INTEGER PRIMARY KEY,
    sbi INTEGER NOT NULL REFERENCES sbi (number),
    kind TEXT NOT NULL CHECK (kind IN ('merge', 'undo')),
    target TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX merge_sbi ON merge (sbi, number);

-- What waits for a person and belongs to no item: a broken base, a conflict with it.
CREATE TABLE notice (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    remedy TEXT,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The spec that the turn worked by was edited while it ran.
ALTER TABLE turn ADD COLUMN spec_changed INTEGER NOT NULL DEFAULT 0 CHECK (spec_changed IN (0, 1));
