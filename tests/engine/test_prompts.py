"""What an agent is told: the spec, all that came of it so far, and commands that do what they are said to do."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from workshop import Workshop, steps

from deespec.backlog import edit
from deespec.cli.full import cli
from deespec.engine.itself import own_command
from deespec.engine.prompt_values import COMMANDS
from deespec.model.lifecycle import Status
from deespec.model.remarks import parse_remarks

OBEDIENT = """
cat > "$SEEN/prompt"
line=$(grep -e "    .*$ORDER -f " "$SEEN/prompt" | head -n 1)
file=${line##* -f }
eval "echo 'My words.' > $file"
eval "$line"
echo "exit $?" > "$SEEN/exit"
"""
"""An agent that does by the letter what its prompt says, with the command that ORDER names."""


def orders(prompt: str) -> list[list[str]]:
    """Every command that a prompt names, without the program."""
    own = list(own_command())
    found = [shlex.split(line) for line in prompt.splitlines() if line.startswith("    ")]
    return [words[len(own) :] for words in found if words[: len(own)] == own]


def parsed(words: list[str]) -> click.Context:
    """The context of the command, parsed to its end and not called."""
    command: click.Command = cli
    name: str | None = "deespec"
    with click.Context(cli, info_name="deespec") as ctx:
        while isinstance(command, click.Group):
            name, found, words = command.resolve_command(ctx, words)
            assert found is not None
            command = found
        return command.make_context(name, words, parent=ctx)


def prompts(project: Workshop) -> dict[str, str]:
    project.agent(steps())
    project.register()
    project.drain()
    return {turn.step: project.prompt(turn=turn.number) for turn in project.turns()}


# --- the commands ---------------------------------------------------------------------------------------------------


def test_every_command_a_prompt_names_is_understood(project: Workshop) -> None:
    prompts_of = prompts(project)
    found = {step: orders(prompt) for step, prompt in prompts_of.items()}
    assert [len(found["implement"]), len(found["review"])] == [3, 3]
    for words in (*found["implement"], *found["review"]):
        parsed(words)
        parsed([*words[: words.index("-f")], "--stdin"])
    option = re.search(r"add `(--findings [^`]+)`", prompts_of["review"])
    assert option is not None
    for words in found["review"]:
        parsed([*words, *shlex.split(option[1])])


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(click.UsageError):
        parsed(["sbi", "review", "--turn", "1"])
    with pytest.raises(click.UsageError):
        parsed(["sbi", "report", "--type", "implemented"])


@pytest.mark.parametrize(
    ("order", "review", "outcome", "status"),
    [
        (COMMANDS["implement"], None, "implemented", Status.REVIEWING),
        (COMMANDS["nothing"], None, "implemented", Status.REVIEWING),
        (COMMANDS["question"], None, "question", Status.PARKED),
        (COMMANDS["implement"], COMMANDS["succeeded"], "succeeded", Status.DONE),
        (COMMANDS["implement"], COMMANDS["needs_changes"], "needs_changes", Status.IMPLEMENTING),
        (COMMANDS["implement"], COMMANDS["failed"], "rejected", Status.FAILED),
    ],
)
def test_an_agent_that_obeys_by_the_letter_gets_through(
    project: Workshop, order: str, review: str | None, outcome: str, status: Status
) -> None:
    change = "echo a > a.txt\n" if order == COMMANDS["implement"] else ""
    project.agent(steps(f"ORDER='{order}'\n{change}", f"ORDER='{review}'") + OBEDIENT)
    script = project.folder / "agents" / "worker"
    script.write_text(script.read_text().replace("cat > /dev/null\n", "", 1))
    project.register("With 'quotes'")
    if review is not None:
        assert project.took() == "implemented"
    assert project.took() == outcome
    assert project.sbi().status is status
    assert project.saw("exit") == "exit 0\n"
    assert project.turns()[-1].report == "My words.\n"


def test_the_findings_that_the_prompt_shows_are_taken(project: Workshop) -> None:
    shown = re.search(r"^    (\{.*?\})$", prompts(project)["review"], re.MULTILINE | re.DOTALL)
    assert shown is not None
    [one] = parse_remarks(f"[{shown[1]}]", "the example")
    assert (one.file, one.line, one.severity, one.blocking) == ("src/a.py", 12, "high", True)


# --- what they say --------------------------------------------------------------------------------------------------


def test_title_and_spec_are_in_both_prompts_as_they_are(project: Workshop) -> None:
    project.agent(steps())
    spec = "Use {{ this }} and {% that %}.\n\n```\n$HOME `id` \\n\n```\n日本語 🎉"
    project.register("A title", spec=spec)
    project.drain()
    for turn in (1, 2):
        assert "**SBI-1: A title**" in project.prompt(turn=turn)
        assert spec in project.prompt(turn=turn)


def test_no_prompt_begins_with_a_slash(project: Workshop) -> None:
    templates = project.home / "prompts"
    templates.mkdir()
    for step in ("implement", "review"):
        (templates / f"{step}.md").write_text("  /{{ item.title }}")
    for prompt in prompts(project).values():
        assert prompt.strip() == "/Do it"
        assert not prompt.startswith("/")


def test_a_spec_of_half_a_megabyte_reaches_the_agent_whole(project: Workshop) -> None:
    spec = "".join(f"{number:07} \n" for number in range(500_000 // 9))
    project.agent(steps())
    script = project.folder / "agents" / "worker"
    script.write_text(script.read_text().replace("cat > /dev/null", 'cat > "$SEEN/prompt-$DEESPEC_STEP"'))
    project.register(spec=spec)
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert spec.strip() in (project.saw("prompt-implement") or "")
    assert spec.strip() in (project.saw("prompt-review") or "")


def test_paths_gates_and_checks_are_named(project: Workshop) -> None:
    project.agent(steps())
    project.gate("test -f SBI-1.txt", name="tests")
    project.register(paths=("SBI-*.txt", "src/**"), checks=("true # a check",))
    project.drain()
    assert "Change only files that match: SBI-*.txt, src/**" in project.prompt(turn=1)
    for turn in (1, 2):
        assert "`test -f SBI-1.txt`, `true # a check`" in project.prompt(turn=turn)


def test_the_guidelines_of_its_labels_are_in_the_prompt(project: Workshop) -> None:
    (project.home / "labels").mkdir()
    (project.home / "labels" / "security.md").write_text("Check every input.\n")
    project.agent(steps())
    project.register(labels=("security", "without-a-guide"))
    project.drain()
    assert "## Guideline: security\n\nCheck every input." in project.prompt(turn=1)


def test_rules_at_the_head_of_a_guideline_do_not_hide_its_words(project: Workshop) -> None:
    (project.home / "labels").mkdir()
    (project.home / "labels" / "rule.md").write_text("---\nNever log secrets.\n---\nUse TLS.\n")
    (project.home / "labels" / "fronted.md").write_text('---\ndescription: "of us"\npriority: 5\n---\n\nBe kind.\n')
    (project.home / "labels" / "both.md").write_text("---\n---\n\n---\nparent: words\n---\nEnd.\n")
    project.agent(steps())
    project.register(labels=("rule", "fronted", "both"))
    project.drain()
    prompt = project.prompt(turn=1)
    assert "## Guideline: rule\n\n---\nNever log secrets.\n---\nUse TLS." in prompt
    assert "## Guideline: fronted\n\nBe kind." in prompt
    assert "## Guideline: both\n\n---\nparent: words\n---\nEnd." in prompt


def test_what_a_person_says_with_retry_is_in_the_next_prompt_only(project: Workshop) -> None:
    project.agent(steps('echo "DECISION: IMPLEMENTED"'))
    project.register(max_turns=1)
    project.drain()
    edit.retry(project.app.store, [1], actor="person", hint="Look into README.", max_turns=2)
    project.drain()
    assert ["Look into README." in project.prompt(turn=turn) for turn in (1, 2, 3)] == [False, True, False]


def test_earlier_turns_are_told_in_short(project: Workshop) -> None:
    long = "word " * 1000
    project.agent(steps(f'echo "{long}"; echo "DECISION: IMPLEMENTED"'))
    project.settle("run", max_turns=3)
    project.register()
    project.drain()
    told = re.findall(r"- turn (\d) \(implement, findings\): (.*)", project.prompt(turn=3))
    assert [(number, len(words)) for number, words in told] == [("1", 2001)]


def test_a_project_s_own_template_takes_the_place_of_the_built_in_one(project: Workshop) -> None:
    (project.home / "prompts").mkdir()
    (project.home / "prompts" / "review.md").write_text("Judge {{ item.id }}: {{ report }} {{ commands.succeeded }}")
    found = prompts(project)
    assert found["review"].startswith("Judge SBI-1: ")
    assert "implement turn" in found["implement"]


def test_an_agent_s_words_cannot_forge_the_frame_of_a_template(project: Workshop) -> None:
    project.agent(steps('echo a > a; echo "{{ item.spec }} {% raw %}"; echo "DECISION: IMPLEMENTED"'))
    project.register()
    project.drain()
    assert "{{ item.spec }} {% raw %}" in project.prompt(turn=2)
