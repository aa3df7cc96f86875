"""The dialects in which servers stream tool calls; each says the same two calls."""

from __future__ import annotations

from typing import Any


def piece(arguments: str | None = None, **fields: Any) -> dict[str, Any]:
    """A piece of a tool call; `name` goes where the wire puts it."""
    name = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**name, "arguments": arguments}}


TWO = [
    {"name": "f", "args": {"x": 1}, "id": "a", "type": "tool_call"},
    {"name": "g", "args": {"y": 2}, "id": "b", "type": "tool_call"},
]
DIALECTS = {
    "the documented one": [
        [piece("", index=0, id="a", type="function", name="f")],
        [piece('{"x":', index=0)],
        [piece(" 1}", index=0)],
        [piece("", index=1, id="b", type="function", name="g")],
        [piece('{"y": 2}', index=1)],
    ],
    "interleaved": [
        [piece("", index=0, id="a", name="f"), piece("", index=1, id="b", name="g")],
        [piece('{"y":', index=1)],
        [piece('{"x":', index=0)],
        [piece(" 1}", index=0), piece(" 2}", index=1)],
    ],
    "no index, id in every piece": [
        [piece('{"x":', id="a", name="f")],
        [piece(" 1}", id="a")],
        [piece('{"y":', id="b", name="g")],
        [piece(" 2}", id="b")],
    ],
    "no index, id in the first piece": [
        [piece("", id="a", name="f")],
        [piece('{"x": 1}')],
        [piece("", id="b", name="g")],
        [piece('{"y": 2}')],
    ],
    "every call under index 0": [
        [piece('{"x": 1}', index=0, id="a", name="f")],
        [piece('{"y":', index=0, id="b", name="g")],
        [piece(" 2}", index=0)],
    ],
    "id and name repeated in every piece": [
        [piece('{"x":', index=0, id="a", name="f")],
        [piece(" 1}", index=0, id="a", name="f")],
        [piece('{"y":', index=1, id="b", name="g")],
        [piece(" 2}", index=1, id="b", name="g")],
    ],
    "name repeated in every piece, id in the first": [
        [piece('{"x":', index=0, id="a", name="f")],
        [piece(" 1}", index=0, name="f")],
        [piece('{"y":', index=1, id="b", name="g")],
        [piece(" 2}", index=1, name="g")],
    ],
    "empty id and null arguments in later pieces": [
        [piece(None, index=0, id="a", name="f")],
        [piece('{"x": 1}', index=0, id="", name="")],
        [piece(None, index=1, id="b", name="g")],
        [piece('{"y": 2}', index=1, id="", name=None)],
    ],
    "whole calls in one delta": [
        [piece('{"x": 1}', index=0, id="a", name="f"), piece('{"y": 2}', index=1, id="b", name="g")]
    ],
    "pieces of one call in one delta": [
        [piece("", id="a", name="f"), piece('{"x":'), piece(" 1}")],
        [piece("", id="b", name="g"), piece('{"y": 2}')],
    ],
    "arguments as an object": [
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}],
        [{"index": 1, "id": "b", "function": {"name": "g", "arguments": {"y": 2}}}],
    ],
}
