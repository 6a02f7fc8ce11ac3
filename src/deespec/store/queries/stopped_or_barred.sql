-- Open items that have stopped, are held, or need something that has ended badly: all for which a person may be needed,
-- whatever agents there are.
SELECT {Line} FROM sbi
WHERE stage <> 'ended' AND (
    stage = 'stopped' OR held = 1 OR EXISTS (
        SELECT 1 FROM need AS n JOIN sbi AS s ON s.number = n.needs
        WHERE n.sbi = sbi.number AND s.status IN ('CANCELLED', 'FAILED')
    )
)
ORDER BY number
