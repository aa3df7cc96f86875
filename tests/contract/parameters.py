"""What the contract lets a request say (sections 5, 8, 11 to 15, 17 and 18), copied from its tables by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Given = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter, or a shape that one may take."""

    section: int
    """Where the contract has it."""
    name: str
    """As the contract spells it."""
    given: Given
    """What the caller gives besides what every call needs."""
    wire: Given | None = None
    """What that adds to the body; None when it is the same."""
    served: bool = True
    """Whether the sandbox, which is as strict as the documentation, takes it."""
    tag: str = field(default="", compare=False)
    """Tells shapes of one parameter apart."""

    @property
    def sent(self) -> Given:
        """What is on the wire."""
        return self.given if self.wire is None else self.wire

    def __str__(self) -> str:
        return f"{self.section}-{self.name}" + (f"-{self.tag}" if self.tag else "")


USER: Given = {"role": "user", "content": "Olá"}
CHAT_ASK: Given = {"model": "sabia-4", "messages": [USER]}
RESPONSE_ASK: Given = {"model": "sabia-4", "input": "Olá"}

_SCHEMA: Given = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
_FUNCTION: Given = {"name": "soma", "description": "Soma dois números.", "parameters": _SCHEMA}
_TOOL: Given = {"type": "function", "function": _FUNCTION}
_CALL: Given = {"id": "call_1", "type": "function", "function": {"name": "soma", "arguments": '{"a":1}'}}
_PDF = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
_CSV = "data:text/csv;base64,YSxiCjEsMgo="
_XML = "data:application/xml;base64,PGEvPg=="
_PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def _said(*messages: Given) -> Given:
    return {"messages": [USER, *messages]}


def _parts(*parts: Given) -> Given:
    return {"messages": [{"role": "user", "content": [*parts]}]}


def _file(name: str, data: str) -> Given:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def _image(url: str, **more: str) -> Given:
    return {"type": "image_url", "image_url": {"url": url, **more}}


_REPLAYED: Given = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
_RESULT: Given = {"role": "tool", "tool_call_id": "call_1", "content": "3"}
_CHAT_SCHEMA: Given = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": _SCHEMA, "strict": True},
}

CHAT: list[Parameter] = [
    Parameter(5, "model", {"model": "sabiazinho-4"}),
    Parameter(5, "messages", {"messages": [USER]}),
    Parameter(5, "max_tokens", {"max_tokens": 32768}),
    Parameter(5, "max_completion_tokens", {"max_completion_tokens": 8}),
    Parameter(5, "temperature", {"temperature": 0.0}),
    Parameter(5, "top_p", {"top_p": 0.5}),
    Parameter(5, "n", {"n": 2}),
    Parameter(5, "stop", {"stop": ["fim", "\n"]}),
    Parameter(5, "stop", {"stop": "fim"}, {"stop": ["fim"]}, tag="bare"),
    Parameter(5, "frequency_penalty", {"frequency_penalty": -2.0}),
    Parameter(5, "presence_penalty", {"presence_penalty": 2.0}),
    Parameter(5, "stream", {"stream": True}),
    Parameter(5, "stream", {"stream": False}, {}, tag="false"),
    Parameter(5, "stream", {"stream": None}, {}, tag="null"),
    Parameter(
        5,
        "stream_options.include_usage",
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    Parameter(5, "tools", {"tools": [_TOOL]}),
    *(Parameter(5, "tool_choice", {"tools": [_TOOL], "tool_choice": choice}, tag=choice)
      for choice in ("none", "auto", "required")),
    Parameter(
        11,
        "tool_choice",
        {"tools": [_TOOL], "tool_choice": {"type": "function", "function": {"name": "soma"}}},
        tag="object",
    ),
    Parameter(11, "tools", {"tools": [_FUNCTION]}, tag="bare"),
    Parameter(11, "parallel_tool_calls", {"tools": [_TOOL], "parallel_tool_calls": False}),
    Parameter(12, "response_format", {"response_format": _CHAT_SCHEMA}, tag="json_schema"),
    Parameter(12, "response_format", {"response_format": {"type": "json_object"}}, tag="json_object"),
    Parameter(12, "response_format", {"response_format": {"type": "text"}}, tag="text"),
    Parameter(5, "response_format", {"response_format": {"type": "json_object"}}),
    Parameter(15, "service_tier", {"service_tier": "flex"}, tag="flex"),
    Parameter(5, "service_tier", {"service_tier": "flex"}),
    *(Parameter(5, "extraction_effort", {"extraction_effort": effort}, tag=effort)
      for effort in ("medium", "advanced")),
    Parameter(
        14,
        "extraction_effort",
        {**_parts(_file("a.pdf", _PDF)), "extraction_effort": "advanced"},
        tag="advanced",
    ),
    *(Parameter(section, flag, {flag: wanted}, tag=str(wanted).lower())
      for section in (5, 13)
      for flag in ("web_search", "code_execution", "data_ocean")
      for wanted in (True, False)),
    Parameter(5, "seed", {"seed": 3}),
    Parameter(5, "logit_bias", {"extra_body": {"logit_bias": {"5": 1}}}, {"logit_bias": {"5": 1}}, served=False),
    Parameter(5, "system", {"messages": [{"role": "system", "content": "Seja breve."}, USER]}),
    Parameter(5, "user", {"messages": [USER]}),
    Parameter(5, "assistant", _said({"role": "assistant", "content": "Oi."}, USER)),
    Parameter(5, "tool_calls[]", _said(_REPLAYED, _RESULT)),
    Parameter(5, "tool", _said(_REPLAYED, _RESULT)),
    Parameter(5, "tool_call_id", _said(_REPLAYED, _RESULT)),
    Parameter(11, "messages", _said(_REPLAYED, _RESULT), tag="result"),
    Parameter(14, "text", _parts({"type": "text", "text": "T"})),
    Parameter(14, "file", _parts(_file("a.pdf", _PDF), _file("a.csv", _CSV), _file("a.xml", _XML))),
    Parameter(14, "file", _parts(_file("a.png", _PNG)), tag="image/png"),
    Parameter(14, "image_url", _parts(_image(_PNG)), tag="data"),
    Parameter(14, "image_url", _parts(_image("https://example.com/a.png")), tag="http"),
    Parameter(14, "detail", _parts(_image(_PNG, detail="low")), served=False),
]  # fmt: skip

_FLAT: Given = {"type": "function", **_FUNCTION, "strict": True}
_ITEM_CALL: Given = {"type": "function_call", "call_id": "call_1", "name": "soma", "arguments": '{"a":1}'}
_ITEM_OUTPUT: Given = {"type": "function_call_output", "call_id": "call_1", "output": '{"soma":3}'}
_BUILT_IN = ({"type": "web_search"}, {"type": "code_interpreter"}, {"type": "data_ocean"})


def _input(*items: Given) -> Given:
    return {"input": [*items]}


def _format(**shape: Any) -> Given:
    return {"text": {"format": shape}}


RESPONSES: list[Parameter] = [
    Parameter(8, "model", {"model": "sabiazinho-4"}),
    Parameter(8, "input", {"input": "Oi"}, tag="text"),
    Parameter(8, "input", _input(USER), tag="list"),
    Parameter(8, "instructions", {"instructions": "Seja breve."}),
    Parameter(8, "temperature", {"temperature": 2.0}),
    Parameter(8, "top_p", {"top_p": 0.95}),
    Parameter(8, "max_output_tokens", {"max_output_tokens": 32768}),
    Parameter(8, "stop", {"stop": ["fim"]}),
    Parameter(8, "stream", {"stream": True}),
    Parameter(8, "stream", {"stream": False}, {}, tag="false"),
    Parameter(8, "stream", {"stream": None}, {}, tag="null"),
    Parameter(8, "tools", {"tools": [_FLAT]}, tag="function"),
    Parameter(8, "tools", {"tools": []}, tag="none"),
    *(Parameter(13, "tools", {"tools": [tool]}, tag=tool["type"]) for tool in _BUILT_IN),
    *(Parameter(8, "tool_choice", {"tools": [_FLAT], "tool_choice": choice}, tag=choice)
      for choice in ("auto", "none", "required")),
    Parameter(
        8,
        "tool_choice",
        {"tools": [_FLAT], "tool_choice": {"type": "function", "name": "soma"}},
        tag="object",
    ),
    Parameter(8, "parallel_tool_calls", {"parallel_tool_calls": False}),
    Parameter(8, "text.format", _format(type="text"), tag="text"),
    Parameter(12, "text.format", _format(type="json_object"), tag="json_object"),
    Parameter(
        12, "text.format", _format(type="json_schema", name="a", schema=_SCHEMA, strict=True), tag="json_schema"
    ),
    Parameter(8, "text", {"text": {}}),
    Parameter(8, "metadata", {"metadata": {"k" * 64: "v" * 512, **{str(n): "" for n in range(15)}}}),
    Parameter(8, "store", {"store": True}),
    *(Parameter(section, flag, {flag: wanted}, tag=str(wanted).lower())
      for section in (8, 13)
      for flag in ("web_search", "code_execution", "data_ocean")
      for wanted in (True, False)),
    Parameter(8, "service_tier", {"service_tier": "flex"}),
    Parameter(8, "extraction_effort", {"extraction_effort": "advanced"}),
    *(Parameter(8, name, {"extra_body": {name: value}}, {name: value}, served=False)
      for name, value in {
          "previous_response_id": "resp-1",
          "reasoning": {"effort": "low"},
          "include": ["x"],
          "background": True,
          "truncation": "auto",
      }.items()),
    *(Parameter(8, "role", _input({"role": role, "content": "Oi"}), tag=role)
      for role in ("user", "assistant", "system", "developer")),
    Parameter(8, "message", _input({"type": "message", **USER})),
    *(Parameter(8, "content", _input({"role": role, "content": [part]}), tag=part["type"])
      for role, part in (
          ("user", {"type": "input_text", "text": "Oi"}),
          ("assistant", {"type": "output_text", "text": "Oi"}),
          ("user", {"type": "input_file", "filename": "a.pdf", "file_data": _PDF}),
          ("user", {"type": "input_image", "image_url": _PNG}),
      )),
    Parameter(8, "function_call", _input(USER, _ITEM_CALL, _ITEM_OUTPUT)),
    Parameter(8, "function_call_output", _input(USER, _ITEM_CALL, _ITEM_OUTPUT)),
]  # fmt: skip

CHAT_NULLABLE = ("max_tokens", "temperature", "top_p", "n", "frequency_penalty", "presence_penalty")
"""Parameters of chat that the contract calls "or null", those of streams aside."""
RESPONSES_NULLABLE = (
    "instructions", "temperature", "top_p", "max_output_tokens", "stop", "tools", "tool_choice",
    "parallel_tool_calls", "text", "metadata", "store",
)  # fmt: skip
"""Parameters of responses that the contract calls "or null"."""

FILE_FIELDS: list[Parameter] = [
    Parameter(17, "file", {"file": ("a.jsonl", b"{}\n")}, {"file": b"{}\n", "purpose": b"batch"}),
    *(Parameter(17, "purpose", {"file": ("a.jsonl", b"{}\n"), "purpose": purpose},
                {"file": b"{}\n", "purpose": purpose.encode()}, tag=purpose)
      for purpose in ("batch", "batch_input")),
]  # fmt: skip
FILE_QUERY: list[Parameter] = [
    Parameter(17, "limit", {"limit": 2}, {"limit": "2"}),
    Parameter(17, "after", {"after": "file1"}),
    *(Parameter(17, "purpose", {"purpose": purpose}, tag=purpose) for purpose in ("batch", "batch_input")),
    *(Parameter(17, "order", {"order": order}, tag=order) for order in ("asc", "desc")),
]

_NEEDED: Given = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
BATCH_FIELDS: list[Parameter] = [
    Parameter(18, "input_file_id", {}, _NEEDED),
    *(Parameter(18, "endpoint", {"endpoint": path}, {**_NEEDED, "endpoint": path}, tag=path)
      for path in ("/v1/chat/completions", "/chat/completions")),
    *(Parameter(18, "completion_window", {"completion_window": hours}, {**_NEEDED, "completion_window": hours},
                tag=hours) for hours in ("24h", "1h")),
    Parameter(18, "metadata", {"metadata": {"lote": "7"}}, {**_NEEDED, "metadata": {"lote": "7"}}),
    Parameter(18, "metadata", {"metadata": None}, _NEEDED, tag="null"),
]  # fmt: skip
BATCH_QUERY: list[Parameter] = [
    Parameter(18, "limit", {"limit": 2}, {"limit": "2"}),
    Parameter(18, "after", {"after": "batch_1"}),
]

ALL = [*CHAT, *RESPONSES, *FILE_FIELDS, *FILE_QUERY, *BATCH_FIELDS, *BATCH_QUERY]
"""Everything above."""
