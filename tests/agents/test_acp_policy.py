"""The Agent Client Protocol: which requests for leave are granted, by the permissions in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from deespec.agents.acp_policy import ALLOW, REJECT, Policy, describe, is_call_of, option_for
from deespec.agents.reading import Json

REPORT = ("/usr/bin/deespec",)


def policy(folder: Path, permissions: str = "edit") -> Policy:
    (folder / "work" / "src").mkdir(parents=True, exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    return Policy(
        permissions=permissions,
        workspace=folder / "work",
        writable=(folder / "out",),
        report_command=REPORT,
        gates=("make check && make test", " pytest -q ", ""),
    )


def edit(*paths: str | Path) -> Json:
    return {"kind": "edit", "locations": [{"path": str(path)} for path in paths]}


def run(command: object) -> Json:
    return {"kind": "execute", "title": "a command", "rawInput": {"command": command}}


@pytest.mark.parametrize("permissions", ["edit", "edit+shell"])
def test_files_are_edited_in_the_workspace_and_in_added_folders(permissions: str, tmp_path: Path) -> None:
    rules = policy(tmp_path, permissions)
    assert rules.allows(edit("src/new.py"))
    assert rules.allows(edit(tmp_path / "work" / "src" / "a", tmp_path / "out" / "b"))
    assert rules.allows({"kind": "edit", "content": [{"type": "diff", "path": str(tmp_path / "work" / "x")}]})
    assert rules.allows({"kind": "delete", "rawInput": {"file_path": "src/x"}})


@pytest.mark.parametrize(
    "path",
    ["../else", "/etc/passwd", ".git/hooks/pre-commit", "sub/.git/config", ".deespec/x", "link/x", "~/.bashrc/.."],
)
def test_other_files_are_not_edited(path: str, tmp_path: Path) -> None:
    rules = policy(tmp_path)
    (tmp_path / "work" / "link").symlink_to(tmp_path)
    assert rules.allows(edit(path)) is (path == "~/.bashrc/..")
    assert not rules.allows(edit("src/a", "/etc/passwd"))


def test_an_edit_that_does_not_say_where_is_none(tmp_path: Path) -> None:
    assert not policy(tmp_path).allows({"kind": "edit", "title": "src/a"})


def test_a_folder_whose_name_begins_like_the_workspaces_is_another(tmp_path: Path) -> None:
    assert not policy(tmp_path).allows(edit(tmp_path / "work-2" / "x"))


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("make check && make test", True),
        ("pytest -q", True),
        ("make check", False),
        ("pytest -q; rm -rf x", False),
        ("/usr/bin/deespec sbi report --type implement -f x", True),
        ("rm -rf /", False),
        ("", False),
        (["/usr/bin/deespec", "sbi", "show"], True),
        (["bash", "-c", "/usr/bin/deespec"], False),
        (None, False),
    ],
)
def test_who_may_only_edit_may_run_the_gates_and_the_report_command(
    command: object, allowed: bool, tmp_path: Path
) -> None:
    assert policy(tmp_path).allows(run(command)) is allowed


def test_a_command_may_be_named_by_its_title_only(tmp_path: Path) -> None:
    assert policy(tmp_path).allows({"kind": "execute", "title": "pytest -q", "locations": []})


@pytest.mark.parametrize(
    ("kind", "permissions", "allowed"),
    [
        ("read", "edit", True),
        ("search", "edit", True),
        ("think", "edit", True),
        ("fetch", "edit", False),
        ("fetch", "edit+shell", True),
        ("other", "edit", False),
        ("a_new_kind", "edit", False),
        ("execute", "edit+shell", True),
        ("switch_mode", "edit+shell", False),
        ("switch_mode", "everything", True),
        ("edit", "everything", True),
        (None, "edit", False),
    ],
)
def test_everything_else_goes_by_its_kind(kind: str | None, permissions: str, allowed: bool, tmp_path: Path) -> None:
    assert policy(tmp_path, permissions).allows({"kind": kind}) is allowed


@pytest.mark.parametrize(
    "command",
    [
        "deespec sbi report",
        "deespec sbi report --text 'a; b && $(c) `d`'",
        'deespec sbi report --text "a; b"',
        "deespec sbi report -f - < words.md",
        "deespec sbi report -f words.md\n",
        "deespec sbi report --text 'issue #5'",
        "deespec sbi report --text 'two\nlines'",
        "deespec sbi report --text a\\;b",
    ],
)
def test_a_call_with_arguments_and_input_is_one_call(command: str) -> None:
    assert is_call_of(("deespec",), command)


@pytest.mark.parametrize(
    "command",
    [
        "deespec; rm x",
        "deespec && rm x",
        "deespec | sh",
        "deespec & rm x",
        "deespec > /etc/passwd",
        "deespec $(rm x)",
        "deespec `rm x`",
        'deespec "$(rm x)"',
        'deespec "`rm x`"',
        "deespec $HOME",
        "deespec <(rm x)",
        "deespec\nrm x",
        "deespec 'open",
        "deespec <<END\nwords\nEND",
        "deespec <<END\n$(rm x)\nEND",
        "deespec # <<'END'\nrm x\nEND",
        "deespec # it's <<'END'\nrm x\nEND",
        "deespec # it's\nrm x #'",
        "deespec a\\<<END\nrm x\nEND",
        "deespec <<<END\nrm x\nEND",
        "deespec\rrm",
        "deespec <<'END'\nwords\nEND\nrm x",
        "deespec <<'END'\nno end",
        "deespec <<'END' | sh\nwords\nEND",
        "(deespec)",
        "X=1 deespec",
        "other deespec",
        "deespec-else",
        "echo x | deespec",
    ],
)
def test_whatever_does_more_than_that_is_something_else(command: str) -> None:
    assert not is_call_of(("deespec",), command)


def test_a_report_command_with_spaces_is_known_however_it_is_quoted() -> None:
    program = ("/home/My Name/python3", "-m", "deespec")
    assert is_call_of(program, "'/home/My Name/python3' -m deespec sbi report")
    assert is_call_of(program, "/home/My\\ Name/python3 -m deespec sbi report")
    assert not is_call_of((), "anything")


def test_options_are_chosen_by_kind_and_the_narrowest_first() -> None:
    options = [{"optionId": f"id {kind}", "kind": kind} for kind in ("allow_always", "allow_once", "reject_always")]
    assert option_for({"options": options}, ALLOW) == "id allow_once"
    assert option_for({"options": options}, REJECT) == "id reject_always"
    assert option_for({"options": options[:1]}, ALLOW) == "id allow_always"
    assert option_for({"options": options[:1]}, REJECT) is None
    assert option_for({}, ALLOW) is None


def test_what_it_wants_is_told_in_one_line() -> None:
    assert describe(run("rm -rf a\n  b")) == "execute: rm -rf a b"
    assert describe({"kind": "edit", "title": "Edit x"}) == "edit: Edit x"
    assert describe({}) == "other"
    assert len(describe(run("x" * 5_000))) < 300
