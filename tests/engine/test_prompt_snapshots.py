"""What agents are told, word for word: the prompts of whole lives, in both languages, as files below `prompts/`.

After a change that is meant, `RENEW_PROMPTS=1 pytest tests/engine/test_prompt_snapshots.py` writes them anew, and
`git diff` shows what agents will read, for review like any other change.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from test_prompts import parsed
from workshop import Workshop, steps

from deespec.backlog import edit
from deespec.backlog.decompose import ask_in
from deespec.backlog.register import Order, register
from deespec.engine.itself import own_command
from deespec.engine.prompt_preview import preview
from deespec.model.asking import DraftStatus
from deespec.model.ids import id_of
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.model.wanted import Scope
from deespec.overrides import steps as steps_of_prompts
from deespec.records import replace

KEPT = Path(__file__).parent / "prompts"
RENEW = "RENEW_PROMPTS"
WORDS = {
    "en": {
        "title": "Greet by name",
        "spec": "Print `Hello, NAME` for each line.\n\n- Given no line, then nothing.",
        "guide": "Check every input.",
        "house": "Short functions.",
        "question": "Which greeting?",
        "answer": "Hello, as in the spec.",
        "report": "Wrote greet.txt.",
        "found": "An empty name is greeted, too.",
        "review": "Nearly.",
    },
    "ja": {
        "title": "名前で挨拶する",
        "spec": "各行に「こんにちは、名前」と表示する。\n\n- 行がなければ、何も表示しない。",
        "guide": "すべての入力を検査する。",
        "house": "関数は短く。",
        "question": "どの挨拶ですか。",
        "answer": "仕様のとおり「こんにちは」。",
        "report": "greet.txtを書きました。",
        "found": "空の名前にも挨拶している。",
        "review": "あと少し。",
    },
}


@pytest.fixture(params=sorted(WORDS))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def with_labels(project: Workshop, language: str) -> None:
    """`security` stands below `house`; PBI-1 has both, and so will its SBIs."""
    words = WORDS[language]
    folder = project.home / "labels"
    folder.mkdir()
    (folder / "house.md").write_text(f"---\npriority: 1\n---\n{words['house']}\n", encoding="utf-8")
    guide = f"---\npriority: 5\nparent: house\n---\n{words['guide']}\n"
    (folder / "security.md").write_text(guide, encoding="utf-8")
    project.settle("run", language=language)
    pbi = new_item(Kind.PBI, title=words["title"], spec=words["spec"], labels=("security", "house"))
    register(project.app.store, [Order(kind=Kind.PBI, new=pbi)], uids=[project.app.clock.uid()], owner="person@test")


def add(project: Workshop, language: str, **fields: object) -> int:
    words = WORDS[language]
    given = {"title": words["title"], "spec": words["spec"], "parent": "PBI-1", "labels": ("security",)} | fields
    return project.register(**given).number


def says(text: str, decision: str) -> str:
    return f"echo {shlex.quote(text)}; echo 'DECISION: {decision}'"


def prompt_of(project: Workshop, item: str, turn: int) -> str:
    [folder] = (project.home / "turns" / item).glob(f"{turn}.*")
    return (folder / "prompt.md").read_text(encoding="utf-8")


def normalised(project: Workshop, text: str) -> str:
    """Without what differs from machine to machine and from run to run."""
    outbox = re.search(r"`([^`]*)/report\.md`", text)
    if outbox is not None:
        text = text.replace(shlex.quote(f"{outbox[1]}/report.md"), "OUTBOX/report.md").replace(outbox[1], "OUTBOX")
    text = text.replace(" ".join(map(shlex.quote, own_command())), "deespec")
    return text.replace(str(project.root), "PROJECT")


def must_be_as_kept(project: Workshop, language: str, name: str, prompt: str) -> None:
    path = KEPT / language / f"{name}.md"
    text = normalised(project, prompt)
    if os.environ.get(RENEW):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is not there: {RENEW}=1 makes it"
    assert text == path.read_text(encoding="utf-8"), f"if that is meant: {RENEW}=1"


def test_the_prompts_of_a_life_with_a_question_findings_and_a_second_review(project: Workshop, language: str) -> None:
    words = WORDS[language]
    with_labels(project, language)
    wants = f'{{"text": "{words["found"]}", "file": "greet.txt", "line": 1, "severity": "high"}}'
    review = (
        f"echo '[{wants}]' > \"$DEESPEC_OUTBOX/found.json\"; deespec sbi review --decision NEEDS_CHANGES "
        f'--text {shlex.quote(words["review"])} --findings "$DEESPEC_OUTBOX/found.json" > /dev/null'
    )
    implement = (
        f"case $DEESPEC_TURN in\n1) {says(words['question'], 'QUESTION')} ;;\n"
        f"2) echo one > greet.txt; {says(words['report'], 'IMPLEMENTED')} ;;\n"
        f"3) echo two > greet.txt; echo > greet.md; {says(words['report'], 'IMPLEMENTED')} ;;\n"
        f"*) echo three > greet.txt; {says(words['report'], 'IMPLEMENTED')} ;;\nesac"
    )
    accepts = says("OK", "SUCCEEDED")
    project.agent(steps(implement, f'if test "$DEESPEC_TURN" = 4; then {review}; else {accepts}; fi'))
    project.gate("test -f greet.md")
    add(project, language, paths=("greet.*",), checks=("true",))
    assert project.took() == "question"
    edit.answer(project.app.store, 1, words["answer"], actor="person@test")
    expected = ["findings", "implemented", "needs_changes", "implemented", "succeeded"]
    assert [one.what for one in project.drain()] == expected
    names = ("first", "after_answer", "after_findings", "review_first", "after_review", "review_second")
    for turn, name in enumerate(names, 1):
        step = "" if name.startswith("review") else "implement_"
        must_be_as_kept(project, language, f"{step}{name}", prompt_of(project, "SBI-1", turn))


def test_the_prompt_of_a_turn_that_resolves_a_conflict(project: Workshop, language: str) -> None:
    project.settle("workspace", mode="worktree")
    with_labels(project, language)
    words = WORDS[language]
    writes = steps(f'echo "$DEESPEC_ITEM" > greet.txt; {says(words["report"], "IMPLEMENTED")}', says("OK", "SUCCEEDED"))
    resolve = f"echo both > greet.txt; {says(words['report'], 'RESOLVED')}"
    project.agent(writes.replace("esac", f"resolve)\n{resolve}\n;;\nesac"))
    early, late = (add(project, language) for _ in range(2))
    assert [project.took(scope=Scope(numbers=(one,))) for one in (early, late)] == ["implemented"] * 2
    assert "conflict" in [outcome.what for outcome in project.drain()]
    [turn] = [one for number in (early, late) for one in project.turns(number) if one.step == "resolve"]
    must_be_as_kept(project, language, "resolve", prompt_of(project, id_of(turn.sbi), turn.number))


def draft(title: str, spec: str, **fields: object) -> dict[str, object]:
    acceptance = [{"given": "a", "when": "b", "then": "c"}, {"given": "d", "when": "e", "then": "f"}]
    given = {"title": title, "spec": spec, "acceptance": acceptance, "estimate_hours": 2, "labels": ["security"]}
    more = {"paths": ["greet.txt"], "needs": [], "only_implement": False, "replaces": None}
    return given | more | fields


def proposes(*drafts: dict[str, object]) -> str:
    text = json.dumps({"report": "OK", "drafts": drafts}, ensure_ascii=False)
    return f"printf '```json\\n%s\\n```\\n' {shlex.quote(text)}"


def test_the_prompts_of_a_decomposition_that_is_mended_and_done_again(project: Workshop, language: str) -> None:
    words = WORDS[language]
    with_labels(project, language)
    one, two = draft(words["title"], words["spec"]), draft(words["report"], words["spec"], needs=["1"])
    project.agent(
        f"case $DEESPEC_TURN in\n1) {proposes(one)} ;;\n2) {proposes(one, two)} ;;\n"
        f"*) {says(words['question'], 'QUESTION')} ;;\nesac"
    )
    project.gate("true")
    pbis = Scope(sbis=False, pbis=True)
    decompose(project)
    assert [project.took(scope=pbis), project.took(scope=pbis)] == ["findings", "decomposed"]
    with project.app.store.transaction() as tx:
        first, second = tx.drafts("PBI-1", decided=True)
        decided = replace(first, decided_by="person@test", decided_at=tx.now)
        tx.change_draft(replace(decided, status=DraftStatus.REJECTED, reason=words["found"]))
        tx.change_draft(replace(second, edited=True))
    decompose(project)
    assert project.took(scope=pbis) == "question"
    for turn, name in enumerate(("first", "after_findings", "again"), 1):
        must_be_as_kept(project, language, f"decompose_{name}", prompt_of(project, "PBI-1", turn))


def decompose(project: Workshop) -> None:
    with project.app.store.transaction() as tx:
        ask_in(tx, tx.pbi(1), actor="person@test")


def test_a_guideline_is_in_each_prompt_exactly_once(project: Workshop, language: str) -> None:
    with_labels(project, language)
    add(project, language, labels=("security", "house"))
    for step, item in (("implement", "SBI-1"), ("review", "SBI-1"), ("resolve", "SBI-1"), ("decompose", "PBI-1")):
        text, told = preview(project.app, step, item)
        assert [text.count(WORDS[language][guide]) for guide in ("guide", "house")] == [1, 1]
        assert text.index(WORDS[language]["guide"]) < text.index(WORDS[language]["house"])
        assert not any("left out" in one for one in told)


def test_every_command_in_every_prompt_is_understood() -> None:
    kept = sorted(KEPT.rglob("*.md"))
    assert {path.stem for path in kept} >= {"implement_first", "review_second", "resolve", "decompose_again"}
    for path in kept:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        commands = [shlex.split(line)[1:] for line in lines if line.startswith("deespec ")]
        assert len(commands) >= 2, path
        for words in commands:
            parsed(words)


def test_no_template_is_without_a_kept_prompt() -> None:
    for language in WORDS:
        kept = "".join(path.read_text(encoding="utf-8") for path in (KEPT / language).glob("*.md"))
        assert [step for step in steps_of_prompts() if f"({step} turn, " not in kept] == []
