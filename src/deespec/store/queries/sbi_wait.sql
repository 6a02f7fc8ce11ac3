UPDATE sbi SET waits_on = :on, waits_for = :what WHERE number = :number
