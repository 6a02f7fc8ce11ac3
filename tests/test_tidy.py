"""What a reader may rely on anywhere in the source: short files and functions, nothing dead, nothing undocumented."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from deespec.agents.spoken import JSON_KINDS
from deespec.cli.full import load
from deespec.cli.manifest import GROUPS
from deespec.config_keys import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "deespec"
QUERIES = SOURCE / "store" / "queries"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

FILE_LINES = 400
FUNCTION_LINES = 60
VAGUE = {"common", "helper", "helpers", "impl", "manager", "misc", "service", "util", "utils"}
RECORDED = ("tests/agents/recorded/", "docs/images/")
"""What real clients said, with the paths of the machines on which they said it; and pictures."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the program by its dotted name, parsed."""
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tracked() -> list[Path]:
    """The files of the repository, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in files if path.is_file()]


# --- size -------------------------------------------------------------------------------------------------------------


def test_files_fit_in_a_reader_s_head() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: lines for name, lines in sizes.items() if lines > FILE_LINES} == {}


def test_functions_fit_on_a_screen() -> None:
    sizes = {
        f"{module}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in sizes.items() if lines > FUNCTION_LINES} == {}


def test_modules_are_named_after_what_they_do() -> None:
    assert [name for name in trees() if name.rpartition(".")[2] in VAGUE] == []


def test_every_module_says_what_lives_in_it() -> None:
    assert [name for name, tree in trees().items() if tree.body and not ast.get_docstring(tree)] == []


# --- nothing dead -----------------------------------------------------------------------------------------------------


def test_every_module_is_used() -> None:
    used = {"deespec", "deespec.__main__"} | set(imported_modules())
    used |= {f"deespec.cli.commands.{entry.module}" for group in GROUPS.values() for entry in group if entry.module}
    used |= {f"deespec.agents.{kind}" for kind in KINDS}  # registry.py imports them by name
    used |= {f"deespec.agents.{kind}_spoken" for kind in JSON_KINDS}  # spoken.py does
    used |= {script.partition(":")[0] for script in PROJECT["scripts"].values()}
    packages = {module_name(path) for path in SOURCE.rglob("__init__.py")}
    assert sorted(set(trees()) - used - packages) == []


def imported_modules() -> Iterator[str]:
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_function_class_and_constant_is_used() -> None:
    everywhere = sum((mentions(tree) for tree in trees().values()), Counter(outside_mentions()))
    dead = [
        f"{module}.{'.'.join(owners)}"
        for module, tree in trees().items()
        for owners, node in definitions(tree)
        if everywhere[owners[-1]] <= mentions(node)[owners[-1]] and not fulfils_a_contract(module, owners)
    ]
    assert dead == [], "\n".join(dead)


def outside_mentions() -> Iterator[str]:
    """Names that something beside the program's Python calls: the command line, the installer, scripts, templates."""
    yield from (entry.function for group in GROUPS.values() for entry in group)
    yield from (script.partition(":")[2] for script in PROJECT["scripts"].values())
    for script in (ROOT / "scripts").glob("*.py"):
        yield from mentions(ast.parse(script.read_text(encoding="utf-8"))).elements()
    for template in SOURCE.glob("*/templates/*"):
        for code in re.findall(r"{[{%](.*?)[}%]}", template.read_text(encoding="utf-8"), re.DOTALL):
            yield from re.findall(r"\w+", code)


def definitions(node: ast.AST, owners: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Definition]]:
    """Functions, classes, methods and module constants with the names they hang below; fields of records are data."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not is_dunder(child.name):
                yield (*owners, child.name), child
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, (*owners, child.name))
        elif isinstance(child, ast.Assign | ast.AnnAssign) and isinstance(node, ast.Module):
            for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                if isinstance(target, ast.Name) and not is_dunder(target.id):
                    yield (target.id,), child


def mentions(node: ast.AST) -> Counter[str]:
    """How often each name is read in this piece of the program."""
    found: Counter[str] = Counter()
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            found[child.id] += 1
        elif isinstance(child, ast.Attribute):
            found[child.attr] += 1
        elif isinstance(child, ast.alias) and child.asname:
            found[child.name] += 1
    return found


def fulfils_a_contract(module: str, owners: tuple[str, ...]) -> bool:
    """Whether a method is called by a library whose class it refines."""
    if len(owners) != 2:
        return False
    cls: Any = getattr(importlib.import_module(module), owners[0])
    above = [base for base in cls.__mro__[1:] if not base.__module__.startswith("deespec")]
    return any(hasattr(base, owners[1]) for base in above) or is_called_by_textual(cls, owners[1])


def is_called_by_textual(cls: Any, name: str) -> bool:
    """Whether it handles a message, or is the action of a key."""
    if not any(base.__module__.startswith("textual.") for base in cls.__mro__):
        return False
    bound = {binding.action.partition("(")[0] for binding in getattr(cls, "BINDINGS", ())}
    return name.startswith("on_") or name.removeprefix("action_") in bound


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def test_every_query_is_used() -> None:
    store = [tree for module, tree in trees().items() if module.startswith("deespec.store")]
    wanted = {pattern for tree in store for node in ast.walk(tree) for pattern in names_made_by(node)}
    unused = [path.stem for path in QUERIES.rglob("*.sql") if not any(re.fullmatch(one, path.stem) for one in wanted)]
    assert unused == [], "\n".join(unused)


def names_made_by(node: ast.AST) -> list[str]:
    """The names that an expression may come to, as patterns; what is filled in while the program runs is any word."""
    match node:
        case ast.Constant(value=str() as text) if re.fullmatch(r"\w+", text):
            return [text]
        case ast.IfExp(body=one, orelse=other):
            return names_made_by(one) + names_made_by(other)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [head + tail for head in names_made_by(left) for tail in names_made_by(right)]
        case ast.FormattedValue():
            return ["[a-z]+"]
        case ast.JoinedStr(values=[*parts]) if any(isinstance(part, ast.Constant) for part in parts):
            return ["".join(made) for made in product(*map(names_made_by, parts))]
        case _:
            return []


# --- nothing undocumented ---------------------------------------------------------------------------------------------

COMMANDS = {
    f"{path} {entry.name}".strip(): (entry, load(path, entry))
    for path, group in GROUPS.items()
    for entry in group
    if entry.module
}


def test_every_command_has_help() -> None:
    assert [name for name, (entry, command) in COMMANDS.items() if not (entry.help and command.help)] == []


def test_every_option_has_help() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, (_, command) in COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == [], "\n".join(silent)


def test_the_generated_pages_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    for name, text in importlib.import_module("make_docs").pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, "run: make docs"


# --- nothing that does not belong here --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unwanted",
    [
        pytest.param(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", id="left undone"),
        pytest.param(r"(?<![\w.])/(root|home/[a-z]\w*|Users/\w+)(?=[/\"'\s])", id="paths of one machine"),
        pytest.param(r"(py" r"pi|python" r"hosted|npm" r"js|deb" r"ian)\.(org|com)\b", id="registries"),
        pytest.param(r"--(extra-)?index" r"-url|--trusted" r"-host|--find" r"-links", id="choosing a registry"),
    ],
)
def test_tracked_files_are_free_of(unwanted: str) -> None:
    pattern = re.compile(unwanted.encode())
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.decode(errors='replace').strip()[:100]}"
        for path in tracked()
        if not str(path.relative_to(ROOT)).startswith(RECORDED)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], "\n".join(found)


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")
