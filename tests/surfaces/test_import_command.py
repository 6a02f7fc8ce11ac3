"""`import legacy` as a person uses it, and what the commands of the Go deespec say here."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

import click
import pytest
from person import Person

from deespec.cli.full import cli
from deespec.cli.successors import COMMANDS, OPTIONS

SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11 has it from 3.11.4 on; the archive is our own."""

SHOP = Path(__file__).parent.parent / "backlog" / "data" / "shop.tar.gz"


class Mover(Person):
    """Somebody in the folder of a project of the Go deespec."""

    @property
    def project(self) -> Path:
        return self.home.parent

    def unpack(self, to: Path) -> None:
        with tarfile.open(SHOP) as archive:
            archive.extractall(to, **SAFELY)


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Mover:
    mover = Mover(tmp_path, capsys, monkeypatch)
    shutil.rmtree(mover.home)
    mover.unpack(tmp_path)
    (tmp_path / "shop" / ".deespec").rename(mover.home)
    return mover


@pytest.fixture
def backlog(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Mover:
    mover = Mover(tmp_path, capsys, monkeypatch)
    mover.unpack(tmp_path)
    return mover


# --- in place ---------------------------------------------------------------------------------------------------------


def test_before_it_every_command_names_the_one_that_helps(shop: Mover) -> None:
    assert "Bring it over: deespec import legacy ." in shop.refusal("status", exits=5)


def test_looking_at_it_leaves_no_file_there(shop: Mover) -> None:
    before = {path: path.lstat().st_mtime_ns for path in shop.home.rglob("*") if path.is_file()}
    shop.refusal("status", exits=5)
    assert {path: path.lstat().st_mtime_ns for path in shop.home.rglob("*") if path.is_file()} == before


def test_settings_that_nobody_chose_there_change_nothing_in_a_backlog_that_is_there(backlog: Mover) -> None:
    backlog("import", "legacy", "../shop")
    config = (
        (backlog.home / "config.toml").read_text(encoding="utf-8") if (backlog.home / "config.toml").exists() else ""
    )
    assert "turn_timeout" not in config
    assert "max_turns" not in config


def test_one_command_brings_it_over_and_the_last_line_says_how_to_start(shop: Mover) -> None:
    said = shop("import", "legacy", ".").splitlines()
    assert said[0].split() == ["KIND", "STATUS", "ITEMS"]
    assert ["SBI", "DONE", "5"] in [line.split() for line in said]
    assert said[-1] == "3 items held. Start them: deespec sbi unhold --all"
    assert f"  the old folder is {shop.project / '.deespec-go'}, as it was" in said
    assert "PENDING 3" in shop("status")
    assert "70 entries agree with 10 items" in shop("journal", "check")


def test_a_dry_run_says_what_would_come_and_changes_nothing(shop: Mover) -> None:
    before = sorted(shop.project.rglob("*"))
    said = shop("import", "legacy", ".", "--dry-run")
    assert "a new backlog would take its place" in said
    assert "2 drafts (1 not in approval.yaml, 1 rejected) were not registered" in said
    found = shop.json("import", "legacy", ".", "--dry-run")
    assert (found["dry_run"], found["in_place"], found["held"], found["needs"]) == (True, True, 3, 3)
    assert len(found["items"]) == 10
    assert sorted(shop.project.rglob("*")) == before


def test_a_second_time_nothing_changes_and_it_says_so(shop: Mover) -> None:
    shop("import", "legacy", ".")
    before = shop("journal", "export")
    assert "are in" in shop("import", "legacy", ".")
    assert "nothing changed" in shop("import", "legacy", ".deespec-go")
    assert shop("journal", "export") == before


def test_what_was_held_starts_with_one_command_and_is_worked_on(shop: Mover) -> None:
    shop("import", "legacy", ".")
    agent = f"{sys.executable} -m deespec sbi report --type nothing --text done"
    shop("config", "set", "agents.mine.command", agent)
    shop("config", "set", "run.implement", "mine")
    shop("sbi", "update", "SBI-9", "--only-implement")
    shop("sbi", "update", "SBI-3", "--only-implement")
    assert shop("sbi", "unhold", "--all") == "✓ SBI-3 free\n✓ SBI-8 free\n✓ SBI-9 free\n"
    shop("run", "--drain", exits=1)  # SBI-7 has FAILED, and SBI-8 needs it
    status = {one["id"]: one["status"] for one in shop.json("sbi", "list", "--all")["items"]}
    assert (status["SBI-3"], status["SBI-8"], status["SBI-9"]) == ("DONE", "PENDING", "DONE")
    assert "agree" in shop("journal", "check")


def test_a_database_made_by_this_deespec_is_none_to_bring_over(backlog: Mover) -> None:
    assert "is a backlog of this deespec already" in backlog.refusal("import", "legacy", ".", exits=4)


# --- elsewhere --------------------------------------------------------------------------------------------------------


def test_into_a_backlog_that_is_there_items_come_beside_its_own(backlog: Mover) -> None:
    mine = backlog.add("Mine")
    backlog("import", "legacy", "../shop")
    items = backlog.json("sbi", "list")["items"]
    assert (mine, len(items)) == ("SBI-1", 10)
    assert "nothing changed" in backlog("import", "legacy", "../shop")
    assert len(backlog.json("sbi", "list")["items"]) == 10
    assert "agree" in backlog("journal", "check")


def test_without_a_backlog_a_new_one_is_made_here(backlog: Mover) -> None:
    shutil.rmtree(backlog.home)
    found = backlog.json("import", "legacy", "../shop")
    assert (found["home"], found["in_place"], found["kept"]) == (str(backlog.home), False, None)
    assert [path.name for path in backlog.project.iterdir()] == [".deespec"]
    assert (backlog.project.parent / "shop" / ".deespec" / "deespec.db").exists()


def test_a_folder_that_is_not_there_is_not_found(backlog: Mover) -> None:
    assert "is not a folder" in backlog.refusal("import", "legacy", "nowhere", exits=3)
    (backlog.project / "empty").mkdir()
    assert "There is no .deespec" in backlog.refusal("import", "legacy", "empty", exits=3)


def test_names_that_could_drive_a_terminal_are_shown_harmlessly(backlog: Mover) -> None:
    settings = backlog.project.parent / "shop" / ".deespec" / "setting.json"
    settings.write_text(json.dumps({"editor": "\x1b[31mred", "\x1b]0;x": 1}), encoding="utf-8")
    assert "\x1b" not in backlog("import", "legacy", "../shop", "--dry-run")


# --- unhold -----------------------------------------------------------------------------------------------------------


def test_unhold_wants_items_or_all(backlog: Mover) -> None:
    backlog.add("One", "--hold")
    assert "Name items, or say --all" in backlog.refusal("sbi", "unhold", exits=2)
    assert "Name items, or say --all" in backlog.refusal("sbi", "unhold", "--all", "SBI-1", exits=2)
    assert [one["id"] for one in backlog.json("sbi", "unhold", "--all")["items"]] == ["SBI-1"]
    assert backlog.json("sbi", "unhold", "--all")["items"] == []


# --- successors -------------------------------------------------------------------------------------------------------


PLACES = {"ID": "SBI-1", "PBI-N": "PBI-1", "FILE": "a.md", "DIR": "there", "N": "3"}
OURS = [one for one in (*COMMANDS.values(), *OPTIONS.values()) if one.now.startswith("deespec ")]


def parsed(words: list[str]) -> click.Context:
    """The context of the command, parsed to its end and not called."""
    command: click.Command = cli
    name: str | None = "deespec"
    with click.Context(cli, info_name="deespec") as ctx:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, found, words = command.resolve_command(ctx, words)
            assert found is not None
            command = found
        return command.make_context(name, words, parent=ctx)


@pytest.mark.parametrize("words", sorted({one.now for one in OURS}))
def test_each_successor_is_a_command_that_is_understood(words: str) -> None:
    parsed([PLACES.get(word, word) for word in shlex.split(words)[1:]])


@pytest.mark.parametrize("old", COMMANDS)
def test_an_old_command_exits_2_and_names_its_successor(backlog: Mover, old: str) -> None:
    said = backlog.refusal(*old.split(), exits=2)
    assert "There is no command deespec" in said
    assert COMMANDS[old].hint in said


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_an_old_option_exits_2_and_names_its_successor(backlog: Mover, command: str, option: str) -> None:
    said = backlog.refusal(*command.split(), option, exits=2)
    assert f"has no {option} any more" in said
    assert OPTIONS[command, option].hint in said


def test_options_of_the_same_meaning_are_understood(backlog: Mover) -> None:
    (backlog.project / "spec.md").write_text("---\ntitle: One\n---\n", encoding="utf-8")
    backlog.labels("a", "b")
    backlog("sbi", "register", "--from-file", "spec.md", "--labels", "a,b")
    assert backlog.json("sbi", "show", "SBI-1")["labels"] == ["a", "b"]
    assert parsed(["sbi", "report", "--step", "implement"]).params["kind"] == "implement"
