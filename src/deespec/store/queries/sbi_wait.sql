UPDATE sbi SET waits_on = :on, waits_for = 'need' WHERE number = :number
