SELECT sbi, needs FROM need
