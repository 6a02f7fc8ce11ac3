"""A backlog in which there is one of everything that a page can show, with hostile, long and Japanese texts."""

from __future__ import annotations

from boarding import WRITES, Board

from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.model.asking import Draft
from deespec.model.items import AgentPause, Kind
from deespec.model.spec import new_item

HOSTILE = "<script>hacked=1</script><img src=x onerror=hacked=1>\u202e"
LONG = f"{'W' * 90}長い見出し{'字' * 40}"
SPEC = f"""\
{HOSTILE} [here](javascript:hacked=1) ![](https://example.org/p.png) <https://example.org/{"x" * 120}>

# First {LONG}

- [ ] **bold** `{"y" * 150}`

| a | b |
|---|---|
| {"z" * 120} | 2 |

```python
{"v" * 200}
```

## Third

> {HOSTILE}
"""
SAYS = r"""
printf 'plain \033[31mred\033[0m \033]8;;javascript:hacked=1\033\\link\033]8;;\033\\ \342\200\256reversed\n'
echo '<script>hacked=1</script><img src=x onerror=hacked=1> [x](javascript:hacked=1)'
printf 'a%.0s' $(seq 300); echo
echo '<script>hacked=1</script>' > '<b onmouseover=hacked=1>.txt'
seq 40 > lines.txt
"""
ATTACKS = WRITES.replace("echo", f"{SAYS}\necho", 1)
"""Writes what a page must not believe."""


def fill(board: Board) -> None:
    """SBI-1 is done, 2 asks, 3 failed, 4 is held, 5 waits, 6 is cancelled, 7 is for the run that comes."""
    board.agent(ATTACKS, "attacker")
    board.settle("run", max_attempts=1)
    board.gate("echo '<script>hacked=1</script>'; printf '\\033[31mred\\n'", name="<b>gate</b>")
    _labels(board)
    _groups(board)
    board.register(f"Done {HOSTILE}", spec=SPEC, agent=("attacker",), parent="PBI-1", labels=("backend",))
    board.register(f"Asks {HOSTILE}", spec=SPEC, agent=("asker",), parent="PBI-1")
    board.register("Failed", spec=SPEC, agent=("breaker",))
    board.drain()
    board.register(LONG, spec=SPEC, labels=("backend", "長いラベル"), paths=("src/**",), parent="PBI-1")
    board.register("Waits", spec=SPEC, depends_on=("SBI-2",), priority="urgent", estimate_hours=3)
    board.register("Cancelled", spec=SPEC)
    store = board.app.store
    edit.hold(store, [4], actor="person@test")
    edit.cancel(store, [6], actor="person@test", reason=HOSTILE)
    with store.transaction() as tx:
        tx.pause(AgentPause(account="breaker@test", agent="breaker", reason="login", message=HOSTILE), actor="test")
    board.register("作業中 - runs", spec=SPEC, agent=("waiter",))


def _labels(board: Board) -> None:
    folder = board.home / "labels"
    folder.mkdir(exist_ok=True)
    for name in ("backend", "長いラベル"):
        (folder / f"{name}.md").write_text(f"---\ndescription: '{HOSTILE}'\n---\nBe careful.\n")


def _groups(board: Board) -> None:
    store = board.app.store
    for kind, fields in ((Kind.EPIC, {}), (Kind.PBI, {"parent": "EPIC-1"}), (Kind.PBI, {})):
        order = Order(kind=kind, new=new_item(kind, title=f"{kind} {HOSTILE}{LONG}"[:200], spec=SPEC, **fields))
        register(store, [order], uids=[board.app.clock.uid()], owner="person@test")
    with store.transaction() as tx:
        for number, needs in ((1, ()), (2, ("PBI-1/1",)), (3, ()), (4, ())):
            title = LONG if number == 4 else f"Draft {number} {HOSTILE}"
            tx.add_draft(Draft(parent="PBI-1", number=number, title=title, spec=SPEC, needs=needs, created_at=tx.now))
