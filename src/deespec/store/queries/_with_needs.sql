(
    SELECT
        sbi.*,
        (SELECT json_group_array('SBI-' || needs ORDER BY needs) FROM need WHERE need.sbi = sbi.number) AS depends_on
    FROM sbi
)
