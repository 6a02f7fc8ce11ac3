SELECT {Turn} FROM turn WHERE sbi = :number ORDER BY number
