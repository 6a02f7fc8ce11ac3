"""Backlogs made up at random: titles and texts in many scripts, needs without a circle, labels, drafts, turns."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from random import Random
from typing import Any

from deespec.labels import Label, path_of, text_of
from deespec.model.asking import Draft, DraftStatus, Question
from deespec.model.fields import is_control
from deespec.model.items import Kind, Priority
from deespec.model.lifecycle import Event
from deespec.model.spec import NewItem
from deespec.records import as_dict, record, replace
from ledger import Ledger

WORDS = (
    "rate-limit", "ログイン", "שלום", "e\u0301tude", "مرحبا", "a: b", "- [ ] x", "#1", "🧑\u200d🚀", "null", "no",
    "'q'", '"', "---", "title: x", "\\", "{a}", "Ａ", "ﬁ", "\u200f", "%", "@me", "| t |", "12:30:00", "0x1F", "~",
)  # fmt: skip
LINES = (
    "---", "...", "title: no", "", "  two", "# head", "- [ ] box", "`x`", "\t", "ends ", "a\rb", "\u2028", "🙂", "é",
)  # fmt: skip
LABELS = ("security", "area/back:end", "日本", "é")
LEAVE_OUT = ("waits_on", "waits_for")
"""Which of several needs an item waits for first is no fact about it."""


@record
class Seeds:
    """What decides: random numbers, and texts that hypothesis has thought of."""

    random: Random
    texts: list[str]


def seeds_of(number: int, texts: list[str]) -> Seeds:
    return Seeds(random=Random(number), texts=texts)


def fill(ledger: Ledger, home: Path, count: int, seeds: Seeds) -> None:
    """`count` SBIs below some PBIs and EPICs, a few of them worked on, with labels and drafts."""
    chance = seeds.random
    for name in LABELS:
        path = path_of(home, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(Label(name=name, description=_title(seeds), text=_text(seeds))), encoding="utf-8")
    groups = [NewItem(kind=Kind.EPIC, title=_title(seeds), spec=_text(seeds)) for _ in range(3)]
    groups += [
        NewItem(kind=Kind.PBI, title=_title(seeds), spec=_text(seeds), parent=chance.choice([None, "EPIC-1", "EPIC-2"]))
        for _ in range(8)
    ]
    ledger.add_all(groups)
    for first in range(0, count, 250):
        ledger.clock.forward(chance.randrange(1, 5_000))
        numbers = range(first + 1, min(first + 250, count) + 1)
        ledger.add_all([_new(seeds, number) for number in numbers], hold=chance.random() < 0.3)
    _work(ledger, seeds, min(count, 40))
    _decompose(ledger, seeds)
    _draft(ledger, seeds)


def records_of(ledger: Ledger) -> dict[str, Any]:
    """Everything that a person could miss."""
    with ledger.store.read() as tx:
        whole = tx.whole()
        items = [*tx.epics(), *tx.pbis(), *whole.every_sbi()]
        tokens = whole.calls_in_order()
        return {
            "items": [{name: value for name, value in as_dict(one).items() if name not in LEAVE_OUT} for one in items],
            "drafts": [as_dict(one) for one in whole.every_draft()],
            "turns": [as_dict(replace(one, token=tokens[one.token])) for one in whole.every_turn()],
            "questions": [as_dict(one) for one in whole.every_question()],
            "spend": [as_dict(replace(one, token=tokens[one.token])) for one in whole.every_spend()],
            "archived": whole.archived_items_at(),
            "counters": whole.counters(),
        }


# --- below ------------------------------------------------------------------------------------------------------------


def _new(seeds: Seeds, number: int) -> NewItem:
    chance = seeds.random
    needs = {f"SBI-{chance.randrange(1, number)}" for _ in range(chance.choice((0, 0, 1, 3)))} if number > 1 else set()
    return NewItem(
        kind=Kind.SBI,
        title=_title(seeds),
        spec=_text(seeds),
        parent=chance.choice([None, *(f"PBI-{one}" for one in range(1, 9)), "EPIC-3"]),
        priority=chance.choice([*Priority]),
        labels=tuple(chance.sample(LABELS, chance.randrange(3))),
        depends_on=tuple(sorted(needs, key=lambda need: int(need[4:]))),
        paths=tuple(chance.sample(("src/**", "docs/a b.md", "日本/*.py"), chance.randrange(3))),
        agent=tuple(chance.sample(("ann", "bob"), chance.randrange(2))),
        only_implement=chance.random() < 0.2,
        estimate_hours=chance.choice((None, 0.1, 3.0, 1e-7)),
        max_turns=chance.choice((None, 4)),
        checks=chance.choice(((), ('echo "a: b" # c', "x\ny"))),
    )


def _title(seeds: Seeds) -> str:
    chance = seeds.random
    words = [chance.choice(WORDS) for _ in range(chance.randrange(1, 6))]
    said = " ".join([*words, chance.choice(seeds.texts)])
    flat = "".join(one for one in unicodedata.normalize("NFC", said) if not is_control(one) and one.isprintable())
    return flat.strip()[:200].strip() or "A title"


def _text(seeds: Seeds) -> str:
    chance = seeds.random
    lines = [chance.choice(LINES) for _ in range(chance.randrange(1, 9))]
    said = "\n".join([*lines, chance.choice(seeds.texts)]).replace("\0", "")
    return said.encode(errors="replace").decode() or "A text"


def _work(ledger: Ledger, seeds: Seeds, count: int) -> None:
    """Some end, some stop, some are cancelled, one is asked about."""
    chance = seeds.random
    for _ in range(count):
        with ledger.store.read() as tx:
            free = [line.number for line in tx.list_sbis(_everything(), statuses=("PENDING",)).lines]
        if not free:
            return
        number = chance.choice(free)
        what = chance.choice(("cancel", "archive", "park", "finish"))
        if what in ("cancel", "archive"):
            ledger.move(number, Event.CANCELLED)
            if what == "archive":
                with ledger.store.transaction() as tx:
                    tx.archive([f"SBI-{number}"], at=tx.now, actor="person@test")
            continue
        got = ledger.claim()
        if not hasattr(got, "token"):
            continue
        claim = _begun(ledger, got)
        ledger.clock.forward(chance.randrange(1, 9_000))
        if what == "finish" and claim.step == "implement":
            ledger.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED, report=_text(seeds), cost_usd=0.25)
        else:
            ledger.settle(claim, Event.NEEDS_PERSON, question=_text(seeds), findings=(_text(seeds),))
            with ledger.store.transaction() as tx:
                asked = Question(
                    sbi=claim.sbi.number, turn=claim.turn, text=_text(seeds), key="k", agent="ann", asked_at=tx.now
                )
                tx.add_question(asked)


def _begun(ledger: Ledger, claim: Any) -> Any:
    if claim.sbi.status != "PICKED":
        return claim
    with ledger.store.transaction() as tx:
        sbi = tx.workspace_ready(claim, manifest=None, actor=claim.worker)
    return replace(claim, sbi=sbi, step="implement")


def _decompose(ledger: Ledger, seeds: Seeds) -> None:
    """PBIs that are decomposed by themselves: each way that may end, and one that nobody has begun."""
    for event in (Event.DECOMPOSED, Event.LIMIT_REACHED, Event.NEEDS_PERSON, Event.CANCELLED, None):
        ledger.add_all(
            [NewItem(kind=Kind.PBI, title=_title(seeds), spec=_text(seeds), auto=True, labels=(LABELS[1],))],
            hold=event is None and seeds.random.random() < 0.5,
        )
        ledger.decompose(event)


def _everything() -> Any:
    from deespec.model.wanted import Scope

    return Scope()


def _draft(ledger: Ledger, seeds: Seeds) -> None:
    chance = seeds.random
    with ledger.store.transaction() as tx:
        for number, status in enumerate((*DraftStatus, DraftStatus.OPEN), 1):
            decided = status not in (DraftStatus.OPEN, DraftStatus.REPLACED)
            draft = Draft(
                parent="PBI-1" if number == 1 else chance.choice(("PBI-1", "SBI-1")),  # the others need PBI-1/1
                number=number,
                title=_title(seeds),
                spec=_text(seeds),
                status=status,
                labels=(LABELS[0],),
                needs=("SBI-2", "PBI-1/1"),
                file="src/a b.py",
                line=3,
                reason=_text(seeds) if status is DraftStatus.REJECTED else None,
                registered="SBI-3" if status is DraftStatus.APPROVED else None,
                decided_by="me" if decided else None,
                decided_at=tx.now if decided else None,
                created_at=tx.now,
                updated_at=tx.now,
            )
            tx.add_draft(draft)
