"""A project's own templates: what they may do, what they may not, and what is said of one that cannot be used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from workshop import Workshop, steps

from deespec.engine import planning
from deespec.engine.prompt_preview import preview
from deespec.engine.prompt_rehearsal import BARE_PLAN, FULL_PLAN, rehearsal
from deespec.errors import BadConfig, InvalidInput, NotFound
from deespec.model.ids import decomposition_of
from deespec.model.items import Sbi
from deespec.overrides import MOST_BYTES, TEMPLATES, template_of
from deespec.overrides import steps as steps_of_prompts


def own(project: Workshop, text: str, step: str = "implement") -> Path:
    folder = project.home / "prompts"
    folder.mkdir(exist_ok=True)
    path = folder / f"{step}.md"
    path.write_text(text, encoding="utf-8")
    return path


def problem(project: Workshop, step: str = "implement") -> str | None:
    return template_of(project.home, step, rehearsal(project.home)).problem


def tree(folder: Path) -> dict[str, int]:
    """Every file with the time of its last change."""
    return {str(path): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*")) if "-wal" not in path.name}


# --- trying templates out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", steps_of_prompts())
def test_each_built_in_template_passes_its_rehearsal(project: Workshop, step: str) -> None:
    assert rehearsal(project.home)(step, (TEMPLATES / f"{step}.md").read_text(encoding="utf-8")) is None


def test_a_rehearsal_knows_all_that_a_decomposition_tells(project: Workshop) -> None:
    project.agent(steps())
    with project.app.store.read() as tx, pytest.raises(NotFound):
        tx.pbi(1)
    add_pbi(project)
    sbi = Sbi(number=decomposition_of(1), uid="x", title="t", spec="s", parent="PBI-1")
    with project.app.store.read() as tx:
        told = planning.values(tx, sbi, (), home=project.home, outbox="x")
    assert told.keys() == BARE_PLAN.keys() == FULL_PLAN.keys()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("one\n{% if %}", "2: Expected an expression"),
        ("one\ntwo {{ itme.id }}", "2: asks for itme, which this prompt is not given"),
        ("{{ item.id }}\n\n{{ item.nosuch }}", "3: 'deespec.model.items.Sbi object' has no attribute 'nosuch'"),
        ("{% for one in asked %}\n{{ one.nosuch }}\n{% endfor %}", "2: 'deespec.model.asking.Question object' has"),
        ("{{ 1 / 0 }}", "1: / is not for templates of prompts"),
        ("{{ [1] + 1 }}", "1: + is for numbers only"),
        ("{{ 'a' * 9000000000 }}", "1: * is not for templates of prompts"),
        ("{{ 9 ** 9 ** 9 }}", "1: ** is not for templates of prompts"),
        ("{{ '%999999999d' % 1 }}", "1: % is not for templates of prompts"),
        ("{% for one in range(1000000) %}x{% endfor %}", "1: range() has at most 1,000 numbers"),
        ("{{ item.__class__.__mro__ }}", "1: access to attribute '__class__'"),
        ("{{ cycler.__init__.__globals__ }}", "1: access to attribute '__init__'"),
        ("{% set _ = guidelines.append(1) %}{{ [].append(1) }}", "1: "),
        ("{% include '../config.toml' %}", "1: include is not for templates of prompts"),
        ("{% for a in range(999) %}{% for b in range(999) %}{{ 'x' * 9 }}{% endfor %}{% endfor %}", "1: * is not"),
        (f"{{% for a in range(999) %}}{{% for b in range(999) %}}{'x' * 99}{{% endfor %}}{{% endfor %}}", "longer"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_with_its_line(project: Workshop, text: str, what: str) -> None:
    own(project, text)
    found = problem(project)
    assert found is not None
    assert what in found


def test_numbers_may_be_counted_with(project: Workshop) -> None:
    own(project, "{{ 2 + 3 }} {{ 7 - 4 }} {{ -turn }} {{ item.id }}")
    assert problem(project) is None


REASONABLE = """{# deespec-prompt: implement 1 #}
{% set name = item.title | trim | replace("\n", " ") | truncate(60) %}
{{ name | upper }}{{ ": urgent" if item.paths | length > 3 and "urgent" in item.labels else "" }}
{% for path in item.paths | sort | unique | reverse if not path.startswith("docs/") %}
{{ loop.index + 1 }}. {{ path }}{% if loop.index is odd and not loop.last %},{% endif %}
{% else %}
{{ item.paths | length }} of {{ item.spec.splitlines() | first | default("nothing") | indent(2) }}
{% endfor %}
{% for number in range(3) %}
{% for report in reports[:2] %}{{ number }}{{ report.report | short }}{% endfor %}
{% endfor %}
{% if hint is defined and hint is not none %}{{ hint.strip().lower() }}{% endif %}
{% if turn in (1, 2) %}{{ ["a", "b"] | join("-") }}{{ commands.implement.split(" ") | last }}{% endif %}
"""


def test_a_reasonable_template_is_rendered(project: Workshop) -> None:
    own(project, REASONABLE)
    assert problem(project) is None
    project.register(paths=("docs/a", "src/b", "src/c"))
    text = preview(project.app, "implement", "SBI-1")[0]
    assert "2. src/c,3. src/b" in text
    assert "a-b" in text


# --- what could have no end -----------------------------------------------------------------------------------------

LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
ENDLESS = [
    (LOOPS, "range() has at most 1,000 numbers"),
    (
        "{% for a in 'x' %}{% for b in 'x' %}{% for c in 'x' %}{% endfor %}{% endfor %}{% endfor %}",
        "loops may be nested 2 deep",
    ),
    ("{% set a = item.spec.split('') %}{% for b in a recursive %}{{ loop(a) }}{% endfor %}", "a recursive loop"),
    ('{{ ("x"|center(2000000000))|length }}', "the filter center is not for templates of prompts"),
    ('{{ "x"|indent(2000000000) }}', "indent takes plain numbers up to 100"),
    ('{{ "x"|indent(turn) }}', "indent takes plain numbers up to 100"),
    ('{{ "x"|truncate(2000000000) }}', "truncate takes plain numbers up to 100,000"),
    ("{% set ns = namespace(a='x') %}", "a call of namespace is not for templates of prompts"),
    ("{% for i in range(99) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}", "set of anything but a plain name"),
    ("{{ item.spec ~ item.spec }}", "~ is not for templates of prompts"),
    ("{{ item.spec + item.spec }}", "+ is for numbers only in templates of prompts"),
    ("{{ 'a'.ljust(10**9) }}", "a call of ljust is not for templates of prompts"),
    ("{{ 'a'.zfill(999999999) }}", "a call of zfill is not for templates of prompts"),
    ("{{ '%999999999d' is odd }}{{ '%999999999d' is divisibleby 3 }}", "the test divisibleby is not for"),
    ('{{ "x" | replace("", item.spec) }}', "replace needs a text to look for"),
    ("{% set a = [1, 2] %}{% set b = [a, a] %}", "a list of anything but plain texts and numbers"),
    ("{% set a = (item, item) %}", "a list of anything but plain texts and numbers"),
    ("{% set range = lipsum %}{{ range(999) }}", "range cannot be another name"),
    ("{{ lipsum(n=99999) }}", "a call of lipsum is not for templates of prompts"),
    ("{% macro m() %}{{ m() }}{% endmacro %}", "macro is not for templates of prompts"),
    ("{% set a %}x{% endset %}", "set as a block is not for templates of prompts"),
    ("{% filter upper %}x{% endfilter %}", "filter as a block is not for templates of prompts"),
    ("{% extends 'review.md' %}", "extends is not for templates of prompts"),
    ("{% import 'review.md' as a %}", "import is not for templates of prompts"),
    ("{{ [1] | map('string') }}", "the filter map is not for templates of prompts"),
    ("{{ ['a'] | join(attribute='b') }}", "join takes no attribute="),
    ("{{ item.paths | join(*item.paths) }}", "* in calls is not for templates of prompts"),
    (f"{{% set a = '{'x' * 2000}' %}}" + "{% set a = a | replace('x', a) %}" * 9, "more than 1,048,576 characters"),
    (f"{{% set a = '{'x ' * 2000}' %}}" + "{{ a.split(' ') | join(a) | length }}", "more than 1,048,576 characters"),
    (f"{{{{ '{'x ' * 20000}'.split(' ') | length }}}}", "more than 10,000 pieces"),
    (
        f"{{% set a = '{'x' * 9000}' %}}"
        "{% for i in range(999) %}{% for j in range(999) %}{% if a[1:] == a %}{% endif %}{% endfor %}{% endfor %}",
        "its loops and filters have too much to do",
    ),
    (
        "{% for i in range(999) %}{% for j in range(999) %}{{ (i | upper) and '' }}{% endfor %}{% endfor %}",
        "its loops and filters have too much to do",
    ),
    ("{{ turn }}" * 11_000, "it has more than 10,000 parts"),
    ("{% if turn %}" * 60 + "{% endif %}" * 60, "it is nested more than 40 deep"),
]


@pytest.mark.parametrize(("text", "what"), ENDLESS)
def test_what_could_have_no_end_is_refused_with_its_line(project: Workshop, text: str, what: str) -> None:
    own(project, f"one\n{text}")
    found = problem(project) or ""
    assert found.startswith("2: ")
    assert what in found


@pytest.mark.parametrize("text", ["{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}", "{{ " + "1" * 9999 + " }}"])
def test_what_the_parser_cannot_take_is_told(project: Workshop, text: str) -> None:
    own(project, text)
    assert problem(project)


def test_a_template_without_end_ends_no_command_and_no_worker(project: Workshop) -> None:
    path = own(project, f"one\n{LOOPS}")
    what = "range() has at most 1,000 numbers"
    project.agent(steps())
    project.register()
    assert f"2: {what}" in project.command("prompt", "list", "--json")[1]
    assert f"{path}:2: {what}" in project.command("config", "check", "--json")[1]
    assert f"{path}:2: {what}" in project.command("doctor", "--json")[1]
    with pytest.raises(BadConfig, match=r"cannot be rendered, line 2: range\(\) has at most 1,000 numbers$"):
        project.took()
    assert project.sbi().attempts == 0
    path.unlink()
    draft = project.folder / "draft.md"
    draft.write_text(f"one\n{LOOPS}")
    code, out, err = project.command("prompt", "edit", "implement", "-f", str(draft))
    assert (code, path.exists()) == (2, False)
    assert f"line 2: {what}" in out + err


# --- where they may lie ---------------------------------------------------------------------------------------------


def test_a_link_that_leads_out_of_the_home_is_not_followed(project: Workshop) -> None:
    secret = project.folder / "secret"
    secret.write_text("A secret.")
    (project.home / "prompts").mkdir()
    (project.home / "prompts" / "implement.md").symlink_to(secret)
    project.register()
    assert "is a link that leads out of" in (problem(project) or "")
    with pytest.raises(BadConfig, match="leads out of"):
        preview(project.app, "implement", "SBI-1")


def test_a_folder_of_prompts_elsewhere_is_not_followed(project: Workshop) -> None:
    (project.folder / "far").mkdir()
    (project.folder / "far" / "review.md").write_text("A secret.")
    (project.home / "prompts").symlink_to(project.folder / "far")
    assert "is a link that leads out of" in (problem(project, "review") or "")


def test_a_link_within_the_home_is_a_template(project: Workshop) -> None:
    own(project, "Of {{ item.id }}.", "house")
    (project.home / "prompts" / "implement.md").symlink_to("house.md")
    assert problem(project) is None


def test_a_pipe_in_the_place_of_a_template_keeps_nobody_waiting(project: Workshop) -> None:
    (project.home / "prompts").mkdir()
    os.mkfifo(project.home / "prompts" / "implement.md")
    assert "it is no file" in (problem(project) or "")


def test_a_template_that_is_too_large_is_refused(project: Workshop) -> None:
    own(project, "x" * (MOST_BYTES + 1))
    assert "larger than a prompt may be (1024 KiB)" in (problem(project) or "")


def test_a_worker_ends_with_what_is_wrong_and_no_attempt_is_used(project: Workshop) -> None:
    own(project, "{{ item.nosuch }}")
    project.agent(steps())
    project.register()
    with pytest.raises(BadConfig, match=r"cannot be rendered, line 1: .* has no attribute 'nosuch'"):
        project.took()
    assert project.sbi().attempts == 0


# --- looking before -------------------------------------------------------------------------------------------------


def add_pbi(project: Workshop) -> None:
    code, out, err = project.command("register", "pbi", "--title", "Plan", "--body", "Words")
    assert code == 0, out + err


@pytest.mark.parametrize("mode", ["shared", "worktree"])
def test_a_preview_is_the_prompt_that_comes_and_writes_nothing(project: Workshop, mode: str) -> None:
    project.settle("workspace", mode=mode)
    project.agent(steps())
    project.register(paths=("*.txt", "README"), labels=("a",))
    before = tree(project.folder)
    text, told = preview(project.app, "implement", "SBI-1")
    assert tree(project.folder) == before
    assert told == ()
    assert project.took() == "implemented"
    real = project.prompt(turn=1)
    outbox = real.split("file `")[1].split("/report.md")[0]
    quoted = text.replace("'<outbox of the turn>/report.md'", f"{outbox}/report.md")
    assert quoted.replace("<outbox of the turn>", outbox) == real


def test_a_preview_tells_of_commits_that_came_since_the_registration(project: Workshop) -> None:
    project.settle("workspace", mode="worktree")
    code, out, err = project.command("register", "sbi", "--title", "Do it", "--body", "Words", "--path", "README")
    assert code == 0, out + err
    (project.root / "README").write_text("Changed.\n")
    project.git("commit", "--quiet", "--all", "--message", "Change README")
    assert "Change README" in preview(project.app, "implement", "SBI-1")[0]


def test_a_preview_of_a_decomposition_needs_no_decomposition_and_can_be_used_by_hand(project: Workshop) -> None:
    add_pbi(project)
    text, _ = preview(project.app, "decompose", "PBI-1")
    assert " pbi propose PBI-1 -f '<a folder outside of the project>/proposal.json'" in text
    with project.app.store.read() as tx:
        assert tx.decomposition(1) is None


@pytest.mark.parametrize(
    ("step", "item", "what"),
    [
        ("implment", "SBI-1", "No step is called"),
        ("prepare", "SBI-1", "No step is called"),
        ("../x", "SBI-1", "No step is called"),
        ("review", "PBI-1", "PBI-1 is a PBI"),
        ("decompose", "SBI-1", "SBI-1 is no PBI"),
        ("implement", "EPIC-1", "through its PBIs"),
    ],
)
def test_a_preview_of_what_does_not_go_together_is_refused(project: Workshop, step: str, item: str, what: str) -> None:
    project.register()
    with pytest.raises(InvalidInput, match=what):
        preview(project.app, step, item)


def test_a_preview_says_when_another_step_comes_next(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    assert preview(project.app, "review", "SBI-1")[1] == ("The next step of SBI-1 is to implement.",)
    project.drain()
    assert preview(project.app, "implement", "SBI-1")[1] == ("SBI-1 is DONE: no turn follows.",)


# --- what has no room -----------------------------------------------------------------------------------------------


def test_guidelines_that_are_left_out_are_named_in_the_prompt_in_the_journal_and_to_the_person(
    project: Workshop,
) -> None:
    project.settle("prompt", max_kb=1)
    (project.home / "labels").mkdir()
    (project.home / "labels" / "long.md").write_text("x" * 2000)
    (project.home / "labels" / "short.md").write_text("Be short.\n")
    project.agent(steps("exit 1"))
    project.register(labels=("long", "short"))
    code, _, err = project.command("run", "--once")
    assert code == 1
    told = "long (no room in 1 KiB)"
    assert f"! SBI-1: guidelines left out of its prompt: {told}" in err
    prompt = project.prompt(turn=1)
    assert f"Guidelines left out of this prompt: {told}\n" in prompt
    assert "Be short." in prompt
    assert "xxx" not in prompt
    assert project.took() == "attempt failed"
    entries = [one for one in project.journal() if one.event == "guidelines_left_out"]
    assert [(one.turn, json.loads(one.detail or "")) for one in entries] == [(1, [told])]
