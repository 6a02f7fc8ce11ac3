SELECT parent, number, title FROM draft
