"""The commands that are tools of `deespec mcp`. What a tool takes and how that is judged is the command's own.

Each call is a call of the command with --json: a session of its own, whose backlog is opened and closed in its thread.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from deespec.agents.structured import schema_of
from deespec.cli import options, output, views
from deespec.cli.full import load, usage_of
from deespec.cli.manifest import find
from deespec.cli.session import Session
from deespec.errors import UsageError
from deespec.mcp.tool import Answer, Tool
from deespec.model.fields import FIELDS
from deespec.model.items import Kind
from deespec.model.lifecycle import DECOMPOSES, ENDED, IN_WORK, STOPPED, GroupStatus, Status, Step
from deespec.model.remarks import remarks_in
from deespec.model.spec import new_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deespec.mcp.tool import Schema
    from deespec.model.fields import Field

LISTED = 50
"""Items or entries that a list has unless more are asked for."""
_WORKING, _OVER = (", ".join(one for one in some if one not in DECOMPOSES) for some in (IN_WORK, ENDED))
INSTRUCTIONS = f"""\
deespec keeps a backlog of specs, which coding agents work off. SBI: the item an agent works on; PBI and EPIC: groups \
of them, whose status follows from what is below. An SBI is {Status.PENDING}; in work: {_WORKING}; waiting for a \
person: {", ".join(STOPPED)}; ended: {_OVER}. Answers are those of the command line with --json."""


class Calls:
    """Carries tools out on the backlog of this home, or on the one that a command called here would use."""

    def __init__(self, home: str | None) -> None:
        self._home = home

    def command(self, path: str, words: Iterable[str] = ()) -> Answer:
        """What `deespec PATH WORDS --json` answers."""
        command = _command(path)

        def act(session: Session) -> None:
            with command.make_context(f"deespec {path}", ["--json", *words], obj=session) as context:
                command.invoke(context)

        try:
            return self.session(act)
        except click.UsageError as error:
            raise usage_of(error) from error

    def session(self, act: Callable[[Session], object]) -> Answer:
        """What `act` answers in a session of its own."""
        session = Session(home=self._home)
        try:
            taken = output.taken(lambda: act(session))
        finally:
            session.close()
        return Answer(values=taken.values, notes=tuple(taken.notes))


def tools(home: str | None) -> tuple[Tool, ...]:
    calls = Calls(home)
    return (*_looking(calls), _listing(calls), _registering(calls), *_answering(calls))


# --- reading ----------------------------------------------------------------------------------------------------------


def _looking(calls: Calls) -> tuple[Tool, ...]:
    """Those that take what their commands take."""

    def show(arguments: Mapping[str, Any]) -> Answer:
        found: list[str] = []
        calls.session(lambda session: found.append(session.item_id(arguments["id"], None)))
        return calls.command(f"{found[0].partition('-')[0].lower()} show", ["--", found[0]])

    return (
        Tool(
            name="status",
            title="Status of the backlog",
            description="What runs, since when and by whom; counts; what waits and why; agents; the merge queue.",
            properties={},
            act=lambda _: calls.command("status"),
        ),
        Tool(
            name="show",
            title="One item",
            description="One SBI with its spec, turns, reports and what it waits for; or one PBI or EPIC.",
            properties={"id": _id("SBI-12, PBI-7, EPIC-2, or the beginning of a uid.")},
            required=("id",),
            act=show,
        ),
        Tool(
            name="why",
            title="Why an item does not start",
            description="Which conditions bar an SBI, with the remedy of each; without id one entry per reason.",
            properties={"id": _id("An SBI.")},
            act=lambda given: calls.command("why", ["--", given["id"]] if "id" in given else []),
        ),
        Tool(
            name="inbox",
            title="What waits for a person",
            description="Questions of agents, items that stopped, paused agents, notices, and work that can be landed.",
            properties={},
            act=lambda _: calls.command("inbox"),
        ),
        Tool(
            name="journal",
            title="What has happened",
            description="The newest entries of the history of everything, the last one at the end.",
            properties=_properties("journal list", "item", "event") | {"limit": _limit("journal list")},
            act=lambda given: calls.command("journal list", _words("journal list", {"limit": LISTED, **given})),
        ),
        Tool(
            name="stats",
            title="Figures",
            description="What came out of the work, how long it took and waited, and what it cost.",
            properties=_properties("stats", "since", "by"),
            act=lambda given: calls.command("stats", _words("stats", given)),
        ),
    )


def _listing(calls: Calls) -> Tool:
    kinds = [str(kind) for kind in Kind]

    def act(arguments: Mapping[str, Any]) -> Answer:
        given = {"limit": LISTED, **arguments}
        kind, everything = given.pop("kind", Kind.SBI), given.pop("all", False)
        path = f"{kind.lower()} list"
        other = next((name for name in given if name not in _options(path)), None)
        if other is not None:
            raise UsageError(f"{kind}s are not listed by {other}.")
        if kind == Kind.SBI and not everything:
            given.setdefault("status", [status for status in views.OPEN if status not in DECOMPOSES])
        return calls.command(path, _words(path, given))

    return Tool(
        name="list",
        title="List items",
        description="SBIs in order of registration with what they wait for, finished ones only with all or by their "
        "status; or PBIs or EPICs with their progress, the drafts that wait, and what is below them by status.",
        properties={
            "kind": {"type": "string", "enum": kinds, "description": "Default: SBI."},
            **_properties(
                "sbi list", "status", "ready", "blocked", "all", "label", "parent", "text", "owner", "offset"
            ),
            "status": _status(),
            "limit": _limit("sbi list"),
        },
        act=act,
    )


def _status() -> Schema:
    """What lists of all kinds are filtered by."""
    schema = _properties("sbi list", "status")["status"]
    known = dict.fromkeys((*schema["items"]["enum"], *GroupStatus))
    return {**schema, "items": {"type": "string", "enum": [str(status) for status in known]}}


# --- writing ----------------------------------------------------------------------------------------------------------


def _registering(calls: Calls) -> Tool:
    kinds = [str(kind) for kind in Kind]

    def act(arguments: Mapping[str, Any]) -> Answer:
        given = dict(arguments)
        kind = Kind(given.pop("kind", Kind.SBI))
        named = {field.key: field.name for field in FIELDS.values()}
        new_item(kind, **{named[key]: value for key, value in given.items() if key in named})  # raises InvalidInput
        path = f"register {kind.lower()}"
        return calls.command(path, _words(path, {_named(name): value for name, value in given.items()}))

    return Tool(
        name="register",
        title="Register an item",
        description="Registers one SBI, PBI or EPIC and answers with it. With a key, a second call with the same key "
        "answers with the item of the first. Not possible from inside a turn.",
        properties={
            "kind": {"type": "string", "enum": kinds, "description": "Default: SBI."},
            **{field.key: _of_field(field) for field in FIELDS.values()},
            **_properties("register sbi", "hold", "key", "dry_run"),
        },
        act=act,
        reads=False,
        repeatable=False,
    )


def _of_field(field: Field) -> Schema:
    """The schema of a field: its type from the option, what it takes from the table of fields."""
    option = _plain(field.option)
    schema = _properties(f"register {field.kinds[0].lower()}", option)[option]
    whose = "" if len(field.kinds) == len(Kind) else f" ({' and '.join(f'{kind}s' for kind in field.kinds)} only)"
    return schema | {"description": f"{field.takes}{whose}"}


def _named(key: str) -> str:
    """The option of a field, as `_options` calls it; what is no field is called as it is."""
    return next((_plain(field.option) for field in FIELDS.values() if field.key == key), key)


def _answering(calls: Calls) -> tuple[Tool, ...]:
    """What agents answer with."""

    def hand_in(given: Mapping[str, Any], *, kind: str, decision: str | None = None) -> Answer:
        handed = views.Handed(
            kind=kind,
            decision=decision,
            text=given.get("text", ""),
            remarks=remarks_in(given.get("findings", [])),
            item=given.get("id"),
            turn=given.get("turn"),
        )
        return calls.session(lambda session: views.hand_in(session, handed, as_json=True))

    turn = _properties("sbi report", "turn")["turn"] | {"minimum": 1, "maximum": options.MANY}
    where = {"id": _id("Inside a turn not needed: its item."), "turn": turn}
    return (
        Tool(
            name="report",
            title="Hand in a report",
            description="Inside a turn to implement or resolve: hands in the report. It is stored when this succeeds.",
            properties={**_properties("sbi report", "type"), "text": _text("What was done, or the question."), **where},
            required=("type",),
            act=lambda given: hand_in(given, kind=given["type"]),
            reads=False,
        ),
        Tool(
            name="review",
            title="Hand in a review",
            description="Inside a turn to review: hands in the decision. It is stored when this succeeds.",
            properties={
                **_properties("sbi review", "decision"),
                "text": _text("The review in words."),
                "findings": _findings(),
                **where,
            },
            required=("decision",),
            act=lambda given: hand_in(given, kind="review", decision=given["decision"]),
            reads=False,
        ),
    )


def _findings() -> Schema:
    """As in the structured answer of a review, but without what need not be said."""
    schema: Schema = json.loads(schema_of(Step.REVIEW) or "{}")["properties"]["findings"]
    return {
        **schema,
        "description": "What was found, one by one.",
        "items": {**schema["items"], "required": ["text"]},
    }


# --- a command's options as a tool's arguments ------------------------------------------------------------------------


def _command(path: str) -> click.Command:
    above, _, name = path.rpartition(" ")
    entry = find(above, name)
    assert entry is not None, f"there is no command {path}"
    return load(above, entry)


def _plain(option: str) -> str:
    """`depends_on` for --depends-on."""
    return option.lstrip("-").replace("-", "_")


def _options(path: str) -> dict[str, click.Option]:
    found = (one for one in _command(path).params if isinstance(one, click.Option))
    return {_plain(one.opts[0]): one for one in found}


def _properties(path: str, *names: str) -> dict[str, Schema]:
    """The schemas of these options of a command."""
    found = _options(path)
    return {name: _schema(found[name]) for name in names}


def _schema(option: click.Option) -> Schema:
    one = {"type": "boolean"} if option.is_flag else _type(option.type)
    schema = {"type": "array", "items": one} if option.multiple else one
    return {**schema, "description": option.help}


def _type(of: click.ParamType[Any]) -> Schema:
    match of:
        case click.Choice():
            return {"type": "string", "enum": [str(choice) for choice in of.choices]}
        case click.IntRange():
            return {"type": "integer", "minimum": of.min, "maximum": of.max}
        case _:
            names = {click.INT.name: "integer", click.FLOAT.name: "number"}
            return {"type": names.get(of.name, "string")}


def _words(path: str, given: Mapping[str, Any]) -> list[str]:
    """Arguments as the words of a command line."""
    found = _options(path)
    return [word for name, value in given.items() for word in _said(found[name], value)]


def _said(option: click.Option, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option.opts[0]] if value else list(option.secondary_opts[:1])
    return [f"{option.opts[0]}={one}" for one in (value if isinstance(value, list) else [value])]


def _id(words: str) -> Schema:
    return {"type": "string", "description": words}


def _text(words: str) -> Schema:
    return {"type": "string", "description": words}


def _limit(path: str) -> Schema:
    schema = _properties(path, "limit")["limit"]
    return {**schema, "description": f"At most so many; {LISTED} unless it is said."}
