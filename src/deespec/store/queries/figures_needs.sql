SELECT needs, sbi FROM need
