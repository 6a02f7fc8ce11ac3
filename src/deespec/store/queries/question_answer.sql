UPDATE question
SET answer = iif(answer IS NULL, :answer, answer || char(10) || char(10) || :answer), answered_by = :by, answered_at = :now
WHERE sbi = :sbi AND turn = :turn
