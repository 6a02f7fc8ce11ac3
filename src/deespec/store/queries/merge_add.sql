INSERT INTO merge (sbi, kind, target, old, new, at) VALUES (:sbi, :kind, :target, :old, :new, :at)
