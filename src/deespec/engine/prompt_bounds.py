"""The language of templates of prompts, so small that none runs for long or takes much memory.

What it has no words for (macros, includes, `~`, `*`, calls, deep loops, …) is refused by line before anything is
compiled or rendered. What a text can become is then counted: rounds of loops with all that is in them, and the
characters that filters, methods, comparisons and slices read and make, are paid from one purse per prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.visitor import NodeTransformer

from deespec.engine.prompt_filters import FILTERS, METHODS, TESTS, filters

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_PARTS = 10_000
"""Of a template: words, values, tags. The longest built-in one has some hundreds."""
MOST_DEPTH = 40
MOST_LOOPS = 2
MOST_ROUNDS = 1_000
"""Of one range()."""
MOST_WIDTH = 100
MOST_LENGTH = 100_000
LARGEST = {"indent": MOST_WIDTH, "truncate": MOST_LENGTH}
KEYWORDS = {
    "indent": {"width", "first", "blank"},
    "truncate": {"length", "killwords", "end"},
    "default": {"default_value", "boolean"},
    "sort": {"reverse"},
}
PART_COSTS = 10
"""As much as so many characters: what is done for one part of a template once."""
LISTS = (nodes.List, nodes.Tuple)
WORDS: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, *LISTS),
    *(nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr),
    *(nodes.Add, nodes.Sub, nodes.Neg, nodes.Pos),
)
CALLED: dict[type[nodes.Node], str] = {
    nodes.Mul: "*",
    nodes.Pow: "**",
    nodes.Mod: "%",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Concat: "~",
    nodes.CallBlock: "call",
    nodes.FromImport: "import",
    nodes.FilterBlock: "filter as a block",
    nodes.AssignBlock: "set as a block",
    nodes.NSRef: "set of anything but a plain name",
}
"""What people call it, where that is not the name of the class."""


def keep_bounds(environment: Environment) -> None:
    """Puts filters, tests and range() that are bounded into the place of those that jinja2 has."""
    environment.filters.clear()
    environment.filters.update(filters())
    environment.tests.update(TESTS)
    environment.globals["range"] = _range


def bounded(environment: Environment, text: str) -> nodes.Template:
    """The template, ready to be compiled. Raises TemplateSyntaxError with the line of what the language has not."""
    tree = environment.parse(text)
    _refuse(tree)
    _Counting().visit(tree)
    tree.set_environment(environment)
    return tree


def _refuse(tree: nodes.Template) -> None:
    rest: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    parts = 0
    while rest:
        node, depth, loops = rest.pop()
        parts += 1
        loops += isinstance(node, nodes.For)
        fault = _fault(node)
        if loops > MOST_LOOPS:
            fault = f"loops may be nested {MOST_LOOPS} deep"
        if depth > MOST_DEPTH:
            fault = f"it is nested more than {MOST_DEPTH} deep"
        if parts > MOST_PARTS:
            fault = f"it has more than {MOST_PARTS:,} parts"
        if fault:
            raise TemplateSyntaxError(fault, node.lineno)
        rest += [(child, depth + 1, loops) for child in reversed([*node.iter_child_nodes()])]


def _fault(node: nodes.Node) -> str | None:
    if type(node) not in WORDS:
        return _not_for(CALLED.get(type(node), type(node).__name__.lower()))
    match node:
        case nodes.For(recursive=True):
            return _not_for("a recursive loop")
        case nodes.Assign() if not isinstance(node.target, nodes.Name | nodes.NSRef):
            return _not_for(CALLED[nodes.NSRef])
        case nodes.Name(name="range", ctx="store"):
            return "range cannot be another name"
        case nodes.List() | nodes.Tuple() if not all(_plain(one) for one in node.items):
            return _not_for("a list of anything but plain texts and numbers")
        case nodes.Filter():
            return _filter_fault(node)
        case nodes.Test() if node.name not in TESTS:
            return _not_for(f"the test {node.name}", TESTS)
        case nodes.Call():
            return _call_fault(node)
    return None


def _plain(node: nodes.Node) -> bool:
    """What a list may hold: lists of lists could double without end. A loop names what it unpacks, too."""
    return isinstance(node, nodes.Const) or (isinstance(node, nodes.Name) and node.ctx == "store")


def _filter_fault(node: nodes.Filter) -> str | None:
    if node.name not in FILTERS:
        return _not_for(f"the filter {node.name}", FILTERS)
    if node.dyn_args or node.dyn_kwargs:
        return _not_for("* in calls")
    for keyword in node.kwargs:
        if keyword.key not in KEYWORDS.get(node.name, ()):
            return f"{node.name} takes no {keyword.key}="
    if (largest := LARGEST.get(node.name)) is None:
        return None
    for one in (*node.args, *(keyword.value for keyword in node.kwargs)):
        value = one.value if isinstance(one, nodes.Const) else None
        if isinstance(value, str) and len(value) <= MOST_WIDTH and node.name == "truncate":
            continue
        if not (isinstance(value, int) and 0 <= value <= largest):
            return f"{node.name} takes plain numbers up to {largest:,}"
    return None


def _call_fault(node: nodes.Call) -> str | None:
    called = node.node
    is_range = isinstance(called, nodes.Name) and called.name == "range"
    if not is_range and not (isinstance(called, nodes.Getattr) and called.attr in METHODS):
        name = called.attr if isinstance(called, nodes.Getattr) else getattr(called, "name", "this")
        return _not_for(f"a call of {name}", ("range", *METHODS))
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        return _not_for("a call with names or *")
    return None


def _not_for(what: str, known: Iterable[str] = ()) -> str:
    there = f" (there are {', '.join(sorted(known))})" if known else ""
    return f"{what} is not for templates of prompts{there}"


class _Counting(NodeTransformer):
    """Puts in what counts. Names in brackets cannot be written in a template."""

    def visit(self, node: nodes.Node, *_: object, **__: object) -> nodes.Node:
        costs = PART_COSTS * sum(1 for _ in node.find_all(nodes.Node)) if isinstance(node, nodes.For) else 0
        self.generic_visit(node)
        match node:
            case nodes.For():
                node.iter = _filter(node.iter, "(rounds)", nodes.Const(costs))
            case nodes.Compare():
                node.expr = _filter(node.expr, "(weighed)")
            case nodes.Operand():
                node.expr = _filter(node.expr, "(weighed)")
            case nodes.Getitem() if isinstance(node.arg, nodes.Slice):
                node.node = _filter(node.node, "(weighed)")
            case nodes.Call() if isinstance(node.node, nodes.Getattr):
                return _filter(node.node.node, f"({node.node.attr})", *node.args)
        return node


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _range(*numbers: int) -> Sized:
    found = range(*numbers)
    if found[MOST_ROUNDS:]:
        raise SecurityError(f"range() has at most {MOST_ROUNDS:,} numbers")
    return found
