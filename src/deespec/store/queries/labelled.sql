SELECT 'epic', number, NULL, labels FROM epic
WHERE labels <> '[]' AND (:label IS NULL OR instr(labels, :label) > 0)
UNION ALL
SELECT 'pbi', number, NULL, labels FROM pbi
WHERE labels <> '[]' AND (:label IS NULL OR instr(labels, :label) > 0)
UNION ALL
SELECT 'sbi', number, NULL, labels FROM sbi
WHERE labels <> '[]' AND (:label IS NULL OR instr(labels, :label) > 0)
UNION ALL
SELECT 'draft', number, parent, labels FROM draft
WHERE labels <> '[]' AND (:label IS NULL OR instr(labels, :label) > 0)
    AND (:decided OR status IN ('open', 'waiting'))
