"""The scripted agent: which rule is played, what it does, and what is said about a bad script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deespec.agents.base import AgentError, AgentRequest, AgentResult, Blame
from deespec.agents.scripted import ScriptedAgent
from deespec.clock import Clock
from deespec.config import AgentSettings
from deespec.errors import BadConfig
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.records import replace


class Watch:
    """Lets some ticks pass, then says stop."""

    def __init__(self, ticks: int | None = None) -> None:
        self.ticks = ticks

    def started(self, guard: object) -> None:
        raise AssertionError("there is no guard to report")

    def deadline(self) -> int:
        return 0

    def tick(self) -> str | None:
        if self.ticks is not None:
            self.ticks -= 1
        return "revoked" if self.ticks == -1 else None


class StoppedClock(Clock):
    def now_ms(self) -> int:
        return 1_000_000


@pytest.fixture
def request_(tmp_path: Path) -> AgentRequest:
    (tmp_path / "project").mkdir()
    return AgentRequest(
        step=Step.IMPLEMENT,
        item="SBI-1",
        title="Rate-limit the login",
        spec="",
        turn=1,
        round=0,
        prompt="",
        workspace=tmp_path / "project",
        folder=tmp_path / "turn",
        env={},
        session=None,
        turn_timeout_ms=60_000,
        idle_timeout_ms=None,
        guard_lock=tmp_path / "lock",
        report_command=("deespec",),
    )


def scripted(folder: Path, text: str, name: str = "answers.toml") -> ScriptedAgent:
    (folder / name).write_text(text, encoding="utf-8")
    return ScriptedAgent(AgentSettings(name="demo", kind="scripted", script=name), folder, StoppedClock())


def rules(*said: str) -> str:
    """One rule for each text, which is what it says."""
    return "".join(f"[[rules]]\n{text}\n" for text in said)


def says(text: str) -> str:
    return f'answer = {{ type = "implement", text = "{text}" }}'


def error_of(result: AgentResult) -> AgentError:
    assert result.error is not None
    return result.error


# --- which rule -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    ['item = "SBI-2"', 'item = "SBI-1?"', 'title = "Login*"', 'step = "review"', "round = 1", "times = 0"],
)
def test_a_rule_whose_condition_does_not_hold_is_passed_over(
    tmp_path: Path, request_: AgentRequest, condition: str
) -> None:
    agent = scripted(tmp_path, rules(f"{condition}\n{says('this')}", says("other")))
    assert agent.run(request_, Watch()).text == "other"


@pytest.mark.parametrize(
    "condition", ['item = "sbi-1"', 'item = "SBI-*"', 'title = "Rate-limit*"', 'step = "implement"', "round = 0"]
)
def test_the_first_rule_whose_condition_holds_is_played(tmp_path: Path, request_: AgentRequest, condition: str) -> None:
    agent = scripted(tmp_path, rules(f"{condition}\n{says('this')}", says("other")))
    assert agent.run(request_, Watch()).text == "this"


def test_a_rule_is_played_only_as_often_as_it_says(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules(f"times = 1\n{says('once')}", says("then")))
    assert [agent.run(request_, Watch()).text for _ in range(3)] == ["once", "then", "then"]


def test_without_a_rule_it_is_an_error_of_this_call(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules(f'step = "review"\n{says("x")}'))
    error = error_of(agent.run(request_, Watch()))
    assert (error.blame, error.code) == (Blame.CALL, "no_rule")
    assert "SBI-1 step implement round 0" in error.message


# --- what it does ---------------------------------------------------------------------------------------------------


def test_an_answer_is_handed_in_as_structured(tmp_path: Path, request_: AgentRequest) -> None:
    answer = 'answer = { type = "review", decision = "NEEDS_CHANGES", text = "Names." }'
    result = scripted(tmp_path, rules(answer)).run(replace(request_, step=Step.REVIEW), Watch())
    assert result.answer == Answer(kind="review", decision="NEEDS_CHANGES", text="Names.", source="structured")


def test_a_silent_rule_ends_without_answer_and_error(tmp_path: Path, request_: AgentRequest) -> None:
    result = scripted(tmp_path, rules("silent = true")).run(request_, Watch())
    assert (result.answer, result.error) == (None, None)


def test_files_are_written_into_the_workspace(tmp_path: Path, request_: AgentRequest) -> None:
    scripted(tmp_path, rules(f'files = {{ "src/a.txt" = "言葉" }}\n{says("x")}')).run(request_, Watch())
    assert (request_.workspace / "src" / "a.txt").read_text(encoding="utf-8") == "言葉"


def test_a_link_that_leads_out_of_the_workspace_is_not_followed(tmp_path: Path, request_: AgentRequest) -> None:
    (request_.workspace / "link").symlink_to(tmp_path)
    result = scripted(tmp_path, rules(f'files = {{ "link/a.txt" = "x" }}\n{says("x")}')).run(request_, Watch())
    assert error_of(result).code == "files"
    assert not (tmp_path / "a.txt").exists()


def test_an_error_carries_the_time_when_its_limit_ends(tmp_path: Path, request_: AgentRequest) -> None:
    script = 'error = { blame = "account", code = "rate_limit", message = "Slow.", reset_after_ms = 500 }'
    error = error_of(scripted(tmp_path, rules(script)).run(request_, Watch()))
    expected = AgentError(blame=Blame.ACCOUNT, code="rate_limit", message="Slow.", reset_at=1_000_500)
    assert error == expected


def test_an_error_without_words_shows_its_code(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules('error = { blame = "call", code = "crash" }'))
    assert agent.run(request_, Watch()).error == AgentError(blame=Blame.CALL, code="crash", message="crash")


def test_a_sleep_ends_as_soon_as_it_is_stopped(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules(f'sleep_ms = 50000\nfiles = {{ "a.txt" = "x" }}\n{says("x")}'))
    error = error_of(agent.run(request_, Watch(ticks=2)))
    assert (error.blame, error.message) == (Blame.STOPPED, "revoked")


def test_a_stopped_rule_writes_nothing(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules(f'files = {{ "a.txt" = "x" }}\n{says("x")}'))
    agent.run(request_, Watch(ticks=0))
    assert list(request_.workspace.iterdir()) == []


def test_a_sleep_longer_than_the_turn_may_last_is_a_timeout(tmp_path: Path, request_: AgentRequest) -> None:
    agent = scripted(tmp_path, rules(f"sleep_ms = 50000\n{says('x')}"))
    error = error_of(agent.run(replace(request_, turn_timeout_ms=10), Watch()))
    assert (error.blame, error.code) == (Blame.CALL, "timeout")


# --- the script -----------------------------------------------------------------------------------------------------


def test_json_says_the_same_as_toml(tmp_path: Path, request_: AgentRequest) -> None:
    script = json.dumps({"rules": [{"item": "SBI-1", "answer": {"type": "nothing", "text": "Is there."}}]})
    answer = scripted(tmp_path, script, "answers.json").run(request_, Watch()).answer
    assert answer == Answer(kind="nothing", text="Is there.", source="structured")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("rules = [", "Invalid"),
        ("[rules]", "expected a list 'rules' and nothing else"),
        ("rules = []\nmore = 1", "expected a list 'rules' and nothing else"),
        ("rules = [1]", "rule 1: expected a table, not 1"),
        (rules(says("x"), "item = 'SBI-1'"), "rule 2: expected one of answer, error, or silent = true"),
        (rules(f"{says('x')}\nsilent = true"), "rule 1: expected one of answer, error, or silent = true"),
        (rules("silent = false"), "rule 1: expected one of answer, error, or silent = true"),
        (rules(f"itme = 'x'\n{says('x')}"), "rule 1: unknown key itme; known: item, title"),
        (rules(f"step = 'plan'\n{says('x')}"), "rule 1: step = 'plan', expected one of implement"),
        (rules(f"round = '1'\n{says('x')}"), "rule 1: round = '1', expected int"),
        (rules(f"round = true\n{says('x')}"), "rule 1: round = True, expected int"),
        (rules(f"sleep_ms = -1\n{says('x')}"), "rule 1: sleep_ms = -1, expected int, 0 or more"),
        (rules(f"files = {{ '../a' = 'x' }}\n{says('x')}"), "'../a' is no path inside the workspace"),
        (rules(f"files = {{ '.git/config' = 'x' }}\n{says('x')}"), "belongs to Git"),
        (rules(f"files = {{ 'a' = 1 }}\n{says('x')}"), "rule 1 files: a = 1, expected str"),
        (rules("answer = { text = 'x' }"), "rule 1 answer: expected a type"),
        (rules("answer = { type = 'done' }"), "rule 1 answer: type = 'done', expected one of implement"),
        (rules("answer = { type = 'review' }"), "rule 1 answer: expected a type, and a decision if it is review"),
        (rules("answer = { type = 'nothing', decision = 'FAILED' }"), "and a decision if it is review"),
        (rules("error = { code = 'x' }"), "rule 1 error: expected blame and code"),
        (rules("error = { blame = 'weather', code = 'x' }"), "blame = 'weather', expected one of call, account"),
    ],
)
def test_a_bad_script_is_refused_with_file_rule_and_key(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        scripted(tmp_path, script)
    assert said in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "answers.toml"))


def test_a_script_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.toml"):
        ScriptedAgent(AgentSettings(name="demo", kind="scripted", script="none.toml"), tmp_path)


def test_settings_without_a_script_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"\[agents\.demo\] needs script"):
        ScriptedAgent(AgentSettings(name="demo", kind="scripted"), tmp_path)


def test_drafts_are_handed_in_as_a_proposal(tmp_path: Path, request_: AgentRequest) -> None:
    text = """[[rules]]
        step = "decompose"
        answer = { type = "propose", text = "Two.", drafts = [{ title = "One" }, { title = "Two" }] }
    """
    result = scripted(tmp_path, text).run(replace(request_, step=Step.DECOMPOSE), Watch())
    assert result.answer is not None
    assert result.answer.kind == "propose"
    assert json.loads(result.answer.text) == {"report": "Two.", "drafts": [{"title": "One"}, {"title": "Two"}]}


@pytest.mark.parametrize("answer", ['{ type = "propose" }', '{ type = "implement", drafts = [] }'])
def test_drafts_and_propose_belong_together(tmp_path: Path, answer: str) -> None:
    with pytest.raises(BadConfig, match="drafts are what type propose has"):
        scripted(tmp_path, f"[[rules]]\nanswer = {answer}\n")
