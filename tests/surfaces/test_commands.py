"""The commands as a person uses them: what they say, what they exit with, as text and as JSON."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from deespec.cli.main import run

AGENT = """#!/bin/sh
cat > /dev/null
if [ "$DEESPEC_STEP" = review ]; then echo "DECISION: SUCCEEDED"; else
  echo change > "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"; fi
"""


class Shell:
    """A person in a project's folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.capsys = capsys
        self.monkeypatch = monkeypatch
        self.err = ""

    def __call__(self, *args: str, stdin: str | bytes | None = None, exits: int = 0) -> str:
        """Runs one command; its standard output. What it said on standard error is in `err`."""
        content = stdin.encode() if isinstance(stdin, str) else stdin or b""
        read, write = os.pipe()
        os.write(write, content)
        os.close(write)
        with open(read, "rb") as file:
            self.monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
            status = run(args)
        out, self.err = self.capsys.readouterr()
        assert status == exits, f"exit {status}: {out}{self.err}"
        return out

    def json(self, *args: str, exits: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*args, "--json", exits=exits))
        assert found["schema"] == 1
        return found

    def error(self, *args: str, exits: int, stdin: str | bytes | None = None) -> str:
        assert self(*args, exits=exits, stdin=stdin) == ""
        return self.err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in [name for name in os.environ if name.startswith("DEESPEC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    project = tmp_path / "プロジェクト one"
    project.mkdir()
    monkeypatch.chdir(project)
    made = Shell(project, capsys, monkeypatch)
    made("init", "--no-gate")
    (project / "agent.sh").write_text(AGENT)
    (project / "agent.sh").chmod(0o755)
    config = project / ".deespec" / "config.toml"
    settings = config.read_text().replace('# implement = "claude"', 'implement = "mine"')
    config.write_text(settings + '\n[agents.mine]\nkind = "command"\ncommand = ["./agent.sh"]\n')
    return made


# --- starting -------------------------------------------------------------------------------------------------------


def test_init_a_second_time_changes_nothing(shell: Shell) -> None:
    before = (shell.folder / ".deespec" / "config.toml").read_bytes()
    assert "already" in shell("init")
    assert (shell.folder / ".deespec" / "config.toml").read_bytes() == before


def test_without_a_backlog_every_command_says_how_to_start_one(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell.error("status", exits=5) == "No backlog here.\n→ Start one: deespec init\n"


def test_a_backlog_is_found_from_a_folder_below_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    below = shell.folder / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert "Nothing is registered yet" in shell("status")


def test_the_database_stays_out_of_git(shell: Shell) -> None:
    ignored = (shell.folder / ".deespec" / ".gitignore").read_text().splitlines()
    assert "*" in ignored
    assert "!config.toml" in ignored


# --- registering ----------------------------------------------------------------------------------------------------


def test_registering_answers_with_the_id(shell: Shell) -> None:
    assert shell("register", "sbi", "--title", "One") == "✓ SBI-1 registered successfully\n"


def test_registering_as_json_gives_the_item(shell: Shell) -> None:
    for name in ("a", "b"):
        shell("label", "register", name)
    options = ("--priority", "high", "--label", "a", "--label", "b")
    made = shell.json("register", "sbi", "--title", '引用符 "と\\', *options)
    assert (made["id"], made["status"], made["title"]) == ("SBI-1", "PENDING", '引用符 "と\\')
    assert (made["priority"], made["labels"]) == ("high", ["a", "b"])


def test_standard_input_is_a_spec(shell: Shell) -> None:
    shell("register", "sbi", stdin="---\ntitle: From a pipe\npriority: low\n---\nThe text.\n")
    shown = shell.json("sbi", "show", "1")
    assert (shown["title"], shown["priority"], shown["spec"].strip()) == ("From a pipe", "low", "The text.")


def test_several_files_are_registered_together_and_may_need_each_other(shell: Shell) -> None:
    Path("a.md").write_text("---\ntitle: A\ndepends_on: [SBI-2]\n---\n")
    Path("b.md").write_text("---\ntitle: B\n---\n")
    assert [one["id"] for one in shell.json("register", "sbi", "a.md", "b.md")["items"]] == ["SBI-1", "SBI-2"]
    assert shell.json("sbi", "show", "1")["depends_on"] == ["SBI-2"]


def test_of_several_files_with_a_mistake_none_is_registered(shell: Shell) -> None:
    Path("good.md").write_text("---\ntitle: Good\n---\n")
    Path("bad.md").write_text("---\ntitle: Bad\nprioritty: high\n---\n")
    message = shell.error("register", "sbi", "good.md", "bad.md", exits=2)
    assert message == "bad.md:3: there is no key prioritty.\n→ Did you mean priority?\n"
    assert shell.json("sbi", "list")["total"] == 0


def test_an_unknown_need_is_named_with_file_and_line(shell: Shell) -> None:
    Path("a.md").write_text("---\ntitle: A\ndepends_on: [SBI-9]\n---\n")
    assert shell.error("register", "sbi", "a.md", exits=3).startswith("a.md:3: 'A' needs SBI-9, which is not there.")


def test_a_circle_of_needs_is_refused(shell: Shell) -> None:
    Path("a.md").write_text("---\ntitle: A\ndepends_on: [SBI-2]\n---\n")
    Path("b.md").write_text("---\ntitle: B\ndepends_on: [SBI-1]\n---\n")
    assert "circle" in shell.error("register", "sbi", "a.md", "b.md", exits=2)
    assert shell.json("sbi", "list")["total"] == 0


def test_the_same_file_twice_is_refused_unless_again(shell: Shell) -> None:
    Path("a.md").write_text("# A\n\nText\n")
    shell("register", "sbi", "a.md")
    assert "SBI-1" in shell.error("register", "sbi", "a.md", exits=4)
    assert "SBI-2" in shell("register", "sbi", "a.md", "--again")


def test_a_key_registers_once(shell: Shell) -> None:
    first = shell.json("register", "sbi", "--title", "A", "--key", "k1")
    second = shell.json("register", "sbi", "--title", "B", "--key", "k1")
    assert (first["fresh"], second["fresh"], second["id"], second["title"]) == (True, False, "SBI-1", "A")


def test_a_rehearsal_registers_nothing_and_uses_no_number(shell: Shell) -> None:
    assert "would register" in shell("register", "sbi", "--title", "A", "--dry-run")
    assert shell.json("register", "sbi", "--title", "B")["id"] == "SBI-1"


@pytest.mark.parametrize(
    ("args", "stdin", "says"),
    [
        ((), "", "neither title nor text"),
        ((), b"\xff\xfe\x00", "UTF-8"),
        ((), b"text with \0 in it", "NUL"),
        (("--title", "x" * 201), None, "201 characters"),
        (("--title", "x", "--paths", "../up"), None, "leaves the project"),
        (("--title", "x", "--priority", "soon"), None, "soon"),
        (("nosuch.md",), None, "nosuch.md"),
        (("--title", "x", "--max-turns", "0"), None, "max-turns"),
    ],
)
def test_bad_input_is_refused_with_exit_2(
    shell: Shell, args: tuple[str, ...], stdin: str | bytes | None, says: str
) -> None:
    assert says in shell.error("register", "sbi", *args, exits=2, stdin=stdin)
    assert shell.json("sbi", "list")["total"] == 0


def test_a_file_of_two_mebibytes_is_refused(shell: Shell) -> None:
    Path("big.md").write_text("x" * 2 * 1024 * 1024)
    assert "limit is 1,048,576" in shell.error("register", "sbi", "big.md", exits=2)


def test_an_error_as_json_goes_to_standard_error(shell: Shell) -> None:
    shell("sbi", "show", "7", "--json", exits=3)
    error = json.loads(shell.err)["error"]
    assert (error["code"], error["exit"]) == ("not_found", 3)


# --- looking --------------------------------------------------------------------------------------------------------


def test_an_id_is_understood_in_any_case_and_width_and_by_uid(shell: Shell) -> None:
    uid = shell.json("register", "sbi", "--title", "A")["uid"]
    for name in ("1", "SBI-1", "sbi-1", "ＳＢＩ-１", uid, uid[:12].lower()):
        assert shell.json("sbi", "show", name)["id"] == "SBI-1"


def test_a_list_hides_the_finished_from_people_and_says_how_many(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("register", "sbi", "--title", "B")
    shell("sbi", "cancel", "1")
    listed = shell("sbi", "list")
    assert "SBI-2" in listed
    assert "SBI-1" not in listed
    assert "1 done or cancelled (--all)" in listed


def test_a_page_of_a_list_knows_the_true_total(shell: Shell) -> None:
    for number in range(5):
        shell("register", "sbi", "--title", f"Item {number}")
    page = shell.json("sbi", "list", "--limit", "2", "--offset", "1")
    assert ([one["id"] for one in page["items"]], page["total"]) == (["SBI-2", "SBI-3"], 5)


def test_a_status_is_understood_in_lower_case_and_an_unknown_one_refused(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    assert shell.json("sbi", "list", "--status", "pending")["total"] == 1
    shell("sbi", "list", "--status", "nosuch", exits=2)


def test_wide_characters_line_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from wcwidth import wcswidth

    shell("register", "sbi", "--title", "日本語の題名", "--priority", "high")
    shell("register", "sbi", "--title", "Plain", "--priority", "high")
    lines = shell("sbi", "list").splitlines()
    head, first, second = lines[0], lines[1], lines[2]
    column = head.index("WAITS")
    assert wcswidth(first[: first.index("no worker")]) == column
    assert second.index("no worker") == column


def test_control_characters_never_reach_the_terminal(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A", "--body", "red \x1b[31m text")
    assert "\x1b" not in shell("sbi", "show", "1")


def test_why_names_the_culprit_and_the_remedy(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("register", "sbi", "--title", "B", "--depends-on", "1")
    shell("sbi", "cancel", "1")
    waiting = shell.json("why", "2")["waiting"]
    assert (waiting[0]["reason"], waiting[0]["by"]) == ("need", ["SBI-1"])
    assert "--remove-need SBI-1" in waiting[0]["remedy"]


def test_why_without_an_id_gives_one_line_a_reason(shell: Shell) -> None:
    for title in "ABC":
        shell("register", "sbi", "--title", title)
    shell("sbi", "hold", "3")
    groups = {one["reason"]: len(one["items"]) for one in shell.json("why")["waiting"]}
    assert groups == {"slot": 2, "held": 1}


@pytest.mark.parametrize("args", [("sbi", "nosuch"), ("nosuch",), ("sbi", "list", "--nosuch")])
def test_a_mistyped_command_exits_2_in_two_lines(shell: Shell, args: tuple[str, ...]) -> None:
    assert len(shell.error(*args, exits=2).splitlines()) == 2


@pytest.mark.parametrize(
    "args", [("status",), ("status", "--json"), ("sbi", "list"), ("sbi", "list", "--json"), ("sbi", "list", "--all")]
)
def test_the_short_way_says_what_the_full_way_says(shell: Shell, args: tuple[str, ...]) -> None:
    from deespec.cli import full, short

    shell("register", "sbi", "--title", "A", "--priority", "high")
    shell("register", "sbi", "--title", "B", "--depends-on", "1")
    assert short.run(args) == 0
    briefly = shell.capsys.readouterr().out
    assert full.run_full(args) == 0
    assert shell.capsys.readouterr().out == briefly


# --- deciding -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_undone_needs_yes(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    assert "--yes" in shell.error("sbi", "delete", "1", exits=2)
    assert shell.json("sbi", "list")["total"] == 1
    shell("sbi", "delete", "1", "--yes")
    assert shell.json("sbi", "list")["total"] == 0


def test_an_item_that_others_need_is_not_deleted(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("register", "sbi", "--title", "B", "--depends-on", "1")
    assert "SBI-2" in shell.error("sbi", "delete", "1", "--yes", exits=4)


def test_a_cancelled_item_can_be_reset(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("sbi", "cancel", "1")
    shell("sbi", "reset", "1", "--yes")
    assert shell.json("sbi", "show", "1")["status"] == "PENDING"


def test_retrying_what_has_not_stopped_exits_4(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    assert "PENDING" in shell.error("sbi", "retry", "1", exits=4)


def test_of_several_items_all_are_changed_or_none(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("sbi", "hold", "1", "9", exits=3)
    assert shell.json("sbi", "show", "1")["held"] is False


# --- inside a turn --------------------------------------------------------------------------------------------------


def test_from_inside_a_turn_the_backlog_cannot_be_changed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(shell.folder / ".deespec")
    inside = {"HOME": home, "ITEM": "SBI-12", "TURN": "3", "CLAIM": "x-1", "OUTBOX": "/nowhere"}
    for name, value in inside.items():
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    message = shell.error("register", "sbi", "--title", "A", exits=4)
    assert message == "Not from inside a turn (SBI-12 turn 3). Say it in your report.\n"
    assert shell.json("sbi", "list")["total"] == 0


def test_another_backlog_can_be_used_from_inside_a_turn(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOME": str(shell.folder / ".deespec"), "ITEM": "SBI-12", "CLAIM": "x-1"}.items():
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    other = tmp_path / "other"
    shell("init", str(other), "--no-gate")
    assert "SBI-1" in shell("--home", str(other / ".deespec"), "register", "sbi", "--title", "A")


# --- the whole way --------------------------------------------------------------------------------------------------


def test_draining_takes_every_item_to_done(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    shell("register", "sbi", "--title", "B", "--depends-on", "1")
    shell("run", "--drain")
    shown = shell.json("sbi", "list")["items"]
    assert [one["status"] for one in shown] == ["DONE", "DONE"]
    assert [turn["step"] for turn in shell.json("sbi", "show", "2")["turns"]] == ["implement", "review"]


def test_draining_gives_the_journal_as_json_and_ends_with_a_summary(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A")
    lines = [json.loads(line) for line in shell("run", "--drain", "--json").splitlines()]
    assert lines[-1]["event"] == "summary"
    assert {"claimed", "implemented", "succeeded", "merged"} <= {line["event"] for line in lines}


def test_draining_what_waits_for_a_person_exits_7(shell: Shell) -> None:
    shell("register", "sbi", "--title", "A", "--hold")
    shell("run", "--drain", exits=7)
    assert "SBI-1 is held → deespec sbi unhold SBI-1" in shell.err


def test_once_with_nothing_to_do_exits_6(shell: Shell) -> None:
    shell("run", "--once", exits=6)


def test_without_an_agent_run_says_so_before_it_takes_an_item(shell: Shell) -> None:
    config = shell.folder / ".deespec" / "config.toml"
    config.write_text(config.read_text().replace('implement = "mine"', ""))
    shell("register", "sbi", "--title", "A")
    assert shell.error("run", "--once", exits=2).startswith(
        "No agent set up. Looked for claude, codex, gemini, opencode."
    )
    assert shell.json("sbi", "show", "1")["status"] == "PENDING"


def test_an_agent_whose_program_is_missing_is_named(shell: Shell) -> None:
    (shell.folder / "agent.sh").unlink()
    shell("register", "sbi", "--title", "A")
    assert "agent.sh" in shell.error("run", "--once", exits=2)
