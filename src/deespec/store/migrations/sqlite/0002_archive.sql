-- Finished items that lists and counts leave out. They stay in their own tables with all that belongs to them.
-- status is that of the item, which cannot change while it is here: so no count has to look at it.
-- at is the time of the act, the same for all that one act archived.
CREATE TABLE archived (
    kind TEXT NOT NULL CHECK (kind IN ('SBI', 'PBI', 'EPIC')),
    number INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status = 'DONE' OR status = 'CANCELLED' AND kind = 'SBI'),
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX archived_at ON archived (at);
CREATE INDEX archived_status ON archived (kind, status);
