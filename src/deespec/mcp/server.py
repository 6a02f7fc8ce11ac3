"""The Model Context Protocol: tools are listed and called; their errors are answers, and none ends the session.

Tools work in threads, so that the server answers while one of them waits for the store or for a receipt.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from deespec.errors import NotFound
from deespec.mcp.bounds import ERROR_CHARACTERS, as_text, bounded, shortened
from deespec.mcp.tool import checked
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp.server.context import ServerRequestContext

    from deespec.errors import DeespecError
    from deespec.mcp.tool import Answer, Tool

    Context = ServerRequestContext[Any]

AT_ONCE = 8
"""Calls that read at the same time, and as many that write; more wait for one of them."""
CUT = "This was cut to fit: ask for less, or for one item."


def server_of(
    tools: Sequence[Tool], *, version: str, instructions: str, explain: Callable[[Exception], DeespecError]
) -> Server[Any]:
    """A server with these tools. `explain` says what a person would be told of an error."""
    by_name = {tool.name: tool for tool in tools}
    reading, writing = anyio.CapacityLimiter(AT_ONCE), anyio.CapacityLimiter(AT_ONCE)

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_shown(tool) for tool in tools])

    async def call_tool(_: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        def act() -> types.CallToolResult:
            try:
                return _result(_found(by_name, params.name), params.arguments or {})
            except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in two lines
                return _refusal(explain(error))

        tool = by_name.get(params.name)
        limiter = writing if tool is not None and not tool.reads else reading
        return await to_thread.run_sync(act, abandon_on_cancel=True, limiter=limiter)

    return Server(
        "deespec", version=version, instructions=instructions, on_list_tools=list_tools, on_call_tool=call_tool
    )


def serve(server: Server[Any]) -> None:
    """Answers on standard input and output until the client has gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait for the thread that reads
    try:
        anyio.run(_serve, server)
    except* (BrokenPipeError, ConnectionResetError):
        pass  # nobody reads any more


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _shown(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=tool.reads,
        destructive_hint=False,
        idempotent_hint=tool.repeatable,
        open_world_hint=False,
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        annotations=hints,
    )


def _found(tools: Mapping[str, Tool], name: str) -> Tool:
    if name not in tools:
        near = closest(name, tools)
        raise NotFound(
            f"There is no tool {shortened(name, 100)}.",
            hint=f"Did you mean {near}?" if near else f"Tools: {', '.join(tools)}",
        )
    return tools[name]


def _result(tool: Tool, arguments: Mapping[str, Any]) -> types.CallToolResult:
    answer: Answer = tool.act(checked(tool, arguments))
    values, was_cut = bounded(answer.values)
    notes = (*(shortened(note, ERROR_CHARACTERS) for note in answer.notes), *((CUT,) if was_cut else ()))
    if notes:
        values = {**values, "notes": list(notes)}
    return types.CallToolResult(content=[types.TextContent(text=as_text(values))], structured_content=values)


def _refusal(error: DeespecError) -> types.CallToolResult:
    """The same that a command says with `--json`, and for people."""
    message = shortened(error.message, ERROR_CHARACTERS)
    hint = None if error.hint is None else shortened(error.hint, ERROR_CHARACTERS)
    values = {"error": {"code": error.code, "message": message, "hint": hint, "exit": error.exit_status}}
    text = message if hint is None else f"{message}\n→ {hint}"
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=values, is_error=True)
