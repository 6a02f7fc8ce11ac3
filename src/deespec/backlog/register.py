"""Registering items: validated, then all of a call's items in one transaction, or none."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.backlog.called import parent_of, place_of, with_needs
from deespec.backlog.decompose import ask_in
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.fields import FileName
from deespec.model.items import Epic, Kind, Pbi, Priority, Sbi
from deespec.model.work import Work
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deespec.model.spec import NewItem
    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item


@record
class Order:
    """One item to register, and where it came from."""

    kind: Kind
    new: NewItem
    file: str | None = None
    """Its file as the person named it, for messages."""
    source: str | None = None
    """The absolute path of its file."""
    content: bytes = b""
    """What the file held, to notice a second registration."""
    hold: bool = False
    key: str | None = None


class Twice(StrEnum):
    """What becomes of a file that is registered already with this content."""

    REFUSE = "refuse"
    SKIP = "skip"
    AGAIN = "again"


@record
class Registered:
    item: Item
    fresh: bool = True
    """False: the key was used before, or the file is skipped; this is the item that was made then."""
    skipped: str | None = None
    """The file that was skipped."""


def register(
    store: Store,
    orders: Sequence[Order],
    *,
    uids: Sequence[str],
    owner: str,
    twice: Twice = Twice.REFUSE,
    base: str | None = None,
) -> list[Registered]:
    """Registers all orders in one transaction, in order; durable when it returns. `base` is the base's commit now.

    Raises NotFound for an unknown need or parent, InvalidInput for a cycle, NotPossible for a file that is registered
    already with this content (as `twice` says), and registers nothing then.
    """
    with store.transaction() as tx:
        return register_in(tx, orders, uids=uids, owner=owner, twice=twice, base=base)


def register_in(
    tx: Transaction,
    orders: Sequence[Order],
    *,
    uids: Sequence[str],
    owner: str,
    twice: Twice = Twice.REFUSE,
    base: str | None = None,
) -> list[Registered]:
    """The same, as part of a transaction."""
    done = _register(tx, orders, uids=uids, owner=owner, twice=twice)
    for one in done:
        if base is not None and one.fresh and isinstance(one.item, Sbi):
            tx.keep_work(Work(sbi=one.item.number, registered=base))
        if one.fresh and isinstance(one.item, Pbi) and one.item.auto:
            ask_in(tx, one.item, actor=owner)
    return done


def rehearse(
    store: Store, orders: Sequence[Order], *, uids: Sequence[str], owner: str, twice: Twice = Twice.REFUSE
) -> list[Registered]:
    """What `register` would do or refuse, found without registering (`--dry-run`)."""
    done: list[Registered] = []
    try:
        with store.transaction() as tx:
            done += _register(tx, orders, uids=uids, owner=owner, twice=twice)
            raise _UndoneError
    except _UndoneError:
        return done


class _UndoneError(Exception):
    """Rolls a rehearsal back."""


def _register(
    tx: Transaction, orders: Sequence[Order], *, uids: Sequence[str], owner: str, twice: Twice
) -> list[Registered]:
    done: list[Registered] = []
    for order, uid in zip(orders, uids, strict=True):
        known = tx.by_key(order.kind, order.key) if order.key else None
        if known is not None:
            done.append(Registered(item=known, fresh=False))
            continue
        before = _registered_before(tx, order, twice)
        if before is not None:
            done.append(Registered(item=before, fresh=False, skipped=order.file))
            continue
        item = _item(order, _resolved(tx, order), number=tx.next_number(order.kind), uid=uid, owner=owner, now=tx.now)
        tx.add(item)
        done.append(Registered(item=item))
    files = {order.source: one.item.id for order, one in zip(orders, done, strict=True) if order.source}
    called = {one.item.id: order.file for order, one in zip(orders, done, strict=True) if one.fresh and order.file}
    for order, one in zip(orders, done, strict=True):
        if one.fresh:
            _tie(tx, order, with_needs(tx, order, one.item, files), owner, called)
    return [replace(one, item=tx.item(one.item.id)) for one in done]


def _resolved(tx: Transaction, order: Order) -> NewItem:
    """Needs and parent given by uid become ids, and a parent that is called by its file."""
    new = order.new
    parent = _by_uid(tx, parent_of(tx, order) or "") if new.parent else None
    return replace(new, parent=parent, depends_on=tuple(_by_uid(tx, need) for need in new.depends_on))


def _by_uid(tx: Transaction, text: str) -> str:
    if "-" in text or isinstance(text, FileName):
        return text
    found = tx.by_uid(text)
    if len(found) != 1:
        raise NotFound(f"{len(found) or 'No'} items have a uid that begins with {text}.", hint="deespec sbi list --all")
    return found[0]


def _registered_before(tx: Transaction, order: Order, twice: Twice) -> Item | None:
    """The item that this file made, if it is to be skipped for that. Raises NotPossible if it is to be refused."""
    if order.source is None or twice is Twice.AGAIN:
        return None
    found = tx.by_source(order.kind, order.source, digest(order.content))
    if found and twice is Twice.REFUSE:
        raise NotPossible(
            f"{order.source} is registered already, unchanged, as {found}.",
            hint="--skip-registered leaves such files out, --again registers them once more.",
        )
    return tx.item(found) if found else None


def _tie(tx: Transaction, order: Order, item: Item, owner: str, called: Mapping[str, str]) -> None:
    """`called`: the files of what is new, whose numbers nobody has been told yet, by id."""
    try:
        check_references(tx, item)
    except NotFound as error:
        raise NotFound(place_of(order, error.message) + error.message, hint=error.hint) from error
    tx.tie(item)
    if isinstance(item, Sbi):
        refuse_cycle(tx, item.number, hint=lambda _: "Remove one of them from depends_on.", called=called)
    tx.note(owner, "registered", item=item.id, to_status=item.status, detail=item.title)
    if not item.held and held_above(tx, item):
        tx.set_held(tx.item(item.id), held=True, actor=owner)


def check_references(tx: Transaction, item: Item) -> None:
    """Raises NotFound for a need or parent that is not there, InvalidInput for one of a wrong kind."""
    needs = item.depends_on if isinstance(item, Sbi) else ()
    for need in needs:
        if not tx.exists(need):
            raise NotFound(f"{item.title!r} needs {need}, which is not there.", hint="deespec sbi list --all")
        if need == item.id:
            raise InvalidInput(f"{item.id} cannot need itself.")
    parent = None if isinstance(item, Epic) else item.parent
    if parent is None:
        return
    allowed = ("PBI", "EPIC") if isinstance(item, Sbi) else ("EPIC",)
    if parent.partition("-")[0] not in allowed:
        raise InvalidInput(f"The parent of {item.id.partition('-')[0]} is {' or '.join(allowed)}, not {parent}.")
    if not tx.exists(parent):
        raise NotFound(f"{item.title!r} has the parent {parent}, which is not there.")


def held_above(tx: Transaction, item: Item) -> str | None:
    """The PBI or EPIC above the item that is held: what comes below it is held, too."""
    above = None if isinstance(item, Epic) else item.parent
    while above is not None:
        group = tx.item(above)
        assert not isinstance(group, Sbi)
        if group.held:
            return group.id
        above = group.parent if isinstance(group, Pbi) else None
    return None


def refuse_cycle(
    tx: Transaction,
    number: int,
    *,
    hint: Callable[[Sequence[str]], str],
    called: Mapping[str, str] | None = None,
) -> None:
    """Raises InvalidInput if the item needs itself by way of others; `hint` is told the way, `called` names it."""
    way = tx.needs_cycle(number)
    if way:
        named = (called.get(one, one) if called else one for one in way)
        raise InvalidInput(f"These needs form a circle: {' → '.join(named)}.", hint=hint(way))


def digest(content: bytes) -> str:
    import hashlib  # only here: it is slow to load, and items from options have no file

    return hashlib.sha256(content).hexdigest()


def _item(order: Order, new: NewItem, *, number: int, uid: str, owner: str, now: int) -> Item:
    common = {
        "number": number,
        "uid": uid,
        "title": new.title,
        "spec": new.spec,
        "priority": new.priority,
        "labels": new.labels,
        "owner": owner,
        "key": order.key,
        "source": order.source,
        "source_hash": digest(order.content) if order.source else None,
        "held": order.hold,
        "registered_at": now,
        "updated_at": now,
    }
    if order.kind is Kind.EPIC:
        return Epic(**common)  # type: ignore[arg-type]
    if order.kind is Kind.PBI:
        own = ("parent", "story_points", "auto", "auto_approve", "drafts_least", "drafts_most")
        return Pbi(**common, **{name: getattr(new, name) for name in own})  # type: ignore[arg-type]
    return Sbi(
        **common,  # type: ignore[arg-type]
        rank=Priority(new.priority).rank,
        parent=new.parent,
        depends_on=new.depends_on,
        paths=new.paths,
        agent=new.agent,
        reviewer=new.reviewer,
        only_implement=new.only_implement,
        estimate_hours=new.estimate_hours,
        max_turns=new.max_turns,
        checks=new.checks,
    )
