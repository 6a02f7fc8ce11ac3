-- The gates and checks that stopped merges: the entry of each says which (engine/integrating.py).
SELECT substr(error, 1, instr(error, ' fails on the merged result:') - 1)
FROM journal
WHERE event = 'conflicted' AND at >= :since AND (:until IS NULL OR at <= :until)
    AND error GLOB '* fails on the merged result:*'
