"""The agent of tests and demos: plays the answers of a TOML or JSON file. The first rule that fits counts.

[[rules]]
item = "SBI-*"          # or title; step, round and times (how often in this process) narrow it further
sleep_ms = 200
files = { "notes.txt" = "text" }
answer = { type = "implement", text = "Done." }
# or: error = { blame = "account", code = "rate_limit", message = "...", reset_after_ms = 500 }
# or: silent = true
# of step = "decompose": answer = { type = "propose", text = "Two parts.", drafts = [{ title = "...", spec = "..." }] }
usage = { model = "m", tokens_in = 900, tokens_cached = 100, tokens_out = 50, cost_usd = 0.3 }
"""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any

from deespec.agents.base import AgentError, AgentRequest, AgentResult, Blame, Looked, Watch
from deespec.agents.metering import BUDGET
from deespec.agents.writable import inside, place, writable
from deespec.clock import Clock
from deespec.config import AgentSettings, Settings
from deespec.errors import BadConfig, WorkspaceError
from deespec.model.budget import CENT_MOST_USD
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.money import Usage
from deespec.model.reports import DECISIONS, KINDS
from deespec.records import record, replace

TICK_MS = 50
OVER = "The call has cost what it was given."

Shape = Mapping[str, type | tuple[str, ...]]
"""What a table of the script may hold: keys, and their type or their choices."""

ANSWER: Shape = {"type": tuple(chain(*KINDS.values())), "decision": DECISIONS, "text": str, "drafts": list}
ERROR: Shape = {"blame": tuple(Blame), "code": str, "message": str, "reset_after_ms": int}
USAGE: Shape = {"model": str, "tokens_in": int, "tokens_cached": int, "tokens_out": int, "cost_usd": float}
RULE: Shape = {
    **{"item": str, "title": str, "step": tuple(KINDS), "round": int, "times": int, "sleep_ms": int},
    **{"files": dict, "answer": dict, "error": dict, "silent": bool, "usage": dict},
}


@record
class Rule:
    """One `[[rules]]` table."""

    item: str = "*"
    title: str = "*"
    step: Step | None = None
    round: int | None = None
    times: int | None = None
    sleep_ms: int = 0
    files: tuple[tuple[str, str], ...] = ()
    answer: Answer | None = None
    error: AgentError | None = None
    reset_after_ms: int | None = None
    usage: Usage = Usage()


class ScriptedAgent:
    """Behind the Agent protocol; guarded is only how often each rule was played."""

    def __init__(self, settings: AgentSettings, root: Path, clock: Clock | None = None) -> None:
        if settings.script is None:
            raise BadConfig(f"[agents.{settings.name}] needs script, the file with its answers.")
        self.name = settings.name
        self.kind = settings.kind
        self._file = root / settings.script
        self._rules = read_rules(self._file)
        self._clock = clock or Clock()
        self._played = [0] * len(self._rules)
        self._lock = threading.Lock()

    def look(self) -> Looked:
        return Looked(ready=True, program=str(self._file))

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        rule = self._next_rule(request)
        if rule is None:
            where = f"{request.item} step {request.step} round {request.round}"
            return _failed(Blame.CALL, "no_rule", f"{self._file.name} has no rule left for {where}.")
        if reason := _sleep(min(rule.sleep_ms, request.turn_timeout_ms), watch):
            return _failed(Blame.STOPPED, "stopped", reason)
        if rule.sleep_ms > request.turn_timeout_ms:
            return _failed(Blame.CALL, "timeout", f"No answer within {request.turn_timeout_ms} ms.")
        try:
            _write(rule, request)
        except (OSError, WorkspaceError) as error:
            return _failed(Blame.CALL, "files", f"{request.item} turn {request.turn}: {error}")
        budget = request.budget_usd
        if budget is not None and (rule.usage.cost_usd or 0.0) > budget + CENT_MOST_USD:
            usage = replace(rule.usage, cost_usd=budget)
            return AgentResult(error=AgentError(blame=Blame.BUDGET, code=BUDGET, message=OVER), usage=usage)
        if rule.error:
            reset_at = None if rule.reset_after_ms is None else self._clock.now_ms() + rule.reset_after_ms
            failure = replace(rule.error, reset_at=reset_at)
            return AgentResult(error=failure, text=rule.error.message, usage=rule.usage)
        text = rule.answer.text if rule.answer else ""
        return AgentResult(answer=rule.answer, text=text, usage=rule.usage)

    def _next_rule(self, request: AgentRequest) -> Rule | None:
        with self._lock:
            for at, rule in enumerate(self._rules):
                if _fits(rule, request) and (rule.times is None or self._played[at] < rule.times):
                    self._played[at] += 1
                    return rule
        return None


def make(section: AgentSettings, settings: Settings) -> ScriptedAgent:
    """How the registry makes one."""
    return ScriptedAgent(section, root=settings.root)


def _fits(rule: Rule, request: AgentRequest) -> bool:
    return (
        fnmatchcase(request.item, rule.item.upper())
        and fnmatchcase(request.title, rule.title)
        and rule.step in (None, request.step)
        and rule.round in (None, request.round)
    )


def _sleep(duration_ms: int, watch: Watch) -> str | None:
    """Sleeps, a tick at a time. Returns why it is to stop, or None."""
    for slept_ms in range(0, duration_ms, TICK_MS):
        if reason := watch.tick():
            return reason
        time.sleep(min(TICK_MS, duration_ms - slept_ms) / 1000)
    return watch.tick()


def _write(rule: Rule, request: AgentRequest) -> None:
    targets = [(writable(request.workspace, name), text) for name, text in rule.files]
    request.folder.mkdir(parents=True, exist_ok=True)
    for target, text in targets:
        made = request.folder / "made"
        made.write_text(text, encoding="utf-8")
        place(made, target)


def _failed(blame: Blame, code: str, message: str) -> AgentResult:
    return AgentResult(error=AgentError(blame=blame, code=code, message=message))


# --- reading the script: every miss names file, rule and key --------------------------------------------------------


def read_rules(file: Path) -> tuple[Rule, ...]:
    """The rules of a script, in order. Raises BadConfig."""
    try:
        text = file.read_text(encoding="utf-8")
        data = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadConfig(f"{file}: {error}") from error
    rules = data.pop("rules", None) if isinstance(data, dict) else None
    if not isinstance(rules, list) or data:
        raise BadConfig(f"{file}: expected a list 'rules' and nothing else.")
    try:
        return tuple(_read_rule(table, f"{file} rule {number}") for number, table in enumerate(rules, start=1))
    except WorkspaceError as error:
        raise BadConfig(f"{file} files: {error.message}") from error


def _read_rule(table: object, where: str) -> Rule:
    rule = _checked(table, RULE, where)
    if sum(rule[key] not in (None, False) for key in ("answer", "error", "silent")) != 1:
        raise BadConfig(f"{where}: expected one of answer, error, or silent = true.")
    files = {str(inside(name)): text for name, text in (rule["files"] or {}).items()}
    error = _checked(rule["error"] or {}, ERROR, f"{where} error")
    return Rule(
        item=rule["item"] or "*",
        title=rule["title"] or "*",
        step=rule["step"] and Step(rule["step"]),
        round=rule["round"],
        times=rule["times"],
        sleep_ms=rule["sleep_ms"] or 0,
        files=tuple(_checked(files, dict.fromkeys(files, str), f"{where} files").items()),
        answer=None if rule["answer"] is None else _read_answer(rule["answer"], f"{where} answer"),
        error=None if rule["error"] is None else _read_error(error, f"{where} error"),
        reset_after_ms=error["reset_after_ms"],
        usage=Usage(**_checked(rule["usage"] or {}, USAGE, f"{where} usage")),
    )


def _read_answer(table: object, where: str) -> Answer:
    answer = _checked(table, ANSWER, where)
    if answer["type"] is None or (answer["decision"] is not None) is not (answer["type"] == "review"):
        raise BadConfig(f"{where}: expected a type, and a decision if it is review.")
    text = answer["text"] or ""
    if (answer["drafts"] is not None) is not (answer["type"] == "propose"):
        raise BadConfig(f"{where}: drafts are what type propose has, and no other.")
    if answer["drafts"] is not None:
        text = json.dumps({"report": text, "drafts": answer["drafts"]}, ensure_ascii=False, default=str)
    return Answer(kind=answer["type"], decision=answer["decision"], text=text, source="structured")


def _read_error(error: dict[str, Any], where: str) -> AgentError:
    if error["blame"] is None or error["code"] is None:
        raise BadConfig(f"{where}: expected blame and code.")
    return AgentError(blame=Blame(error["blame"]), code=error["code"], message=error["message"] or error["code"])


def _checked(table: object, shape: Shape, where: str) -> dict[str, Any]:
    """The table with every key of its shape, None where it says nothing."""
    if not isinstance(table, dict):
        raise BadConfig(f"{where}: expected a table, not {table!r}.")
    for key, value in table.items():
        expected = shape.get(key)
        if expected is None:
            raise BadConfig(f"{where}: unknown key {key}; known: {', '.join(shape)}.")
        if isinstance(expected, tuple) and value not in expected:
            raise BadConfig(f"{where}: {key} = {value!r}, expected one of {', '.join(expected)}.")
        if expected is float and type(value) is int and value >= 0:
            continue
        negative = isinstance(value, int | float) and value < 0
        if isinstance(expected, type) and (type(value) is not expected or negative):
            raise BadConfig(f"{where}: {key} = {value!r}, expected {expected.__name__}{', 0 or more' * negative}.")
    return {key: table.get(key) for key in shape}
