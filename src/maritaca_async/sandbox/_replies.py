"""From a checked request to the finished reply; nothing here waits or writes."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ._answers import answer
from ._built_in_tools import execution_details, made_files
from ._content import json_for, some_json
from ._prompt import excerpt, last_user_text, text_of
from ._request import ChatRequest, JsonObjectFormat, JsonSchemaFormat, UserMessage
from ._tokens import count_tokens, split_tokens
from ._tools import Call, tool_results, wanted_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..catalogue import ModelInfo
    from ._files import Attachment

FINGERPRINT: Final = "fp_sandbox"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call with the id that its result must name."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the answers of a reply."""

    text: str | None
    finish_reason: str
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""

    @property
    def tokens(self) -> int:
        """Tokens that this choice bills as output."""
        called = sum(count_tokens(call.name) + count_tokens(call.arguments) for call in self.calls)
        return count_tokens(self.text or "") + count_tokens(self.reasoning) + called


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Everything that a reply says, streamed or not."""

    model: str
    choices: tuple[Choice, ...]
    usage: dict[str, Any]
    extras: dict[str, Any] = field(default_factory=dict)


def new_call_ids() -> Callable[[], str]:
    """Return a source of call ids, each given once."""
    numbers = itertools.count(1)
    return lambda: f"call_{next(numbers):06d}"


def reply_to(
    request: ChatRequest,
    model: ModelInfo,
    *,
    files: Sequence[Attachment],
    prompt_tokens: int,
    cached_tokens: int,
    next_call_id: Callable[[], str],
) -> Reply:
    """Return the reply to a request that passed every check."""
    reasoning = _reasoning(request) if model.reasoning else ""
    calls = wanted_calls(request)
    choices = tuple(
        _choice(request, index, calls, files, reasoning, next_call_id) for index in range(request.n or 1)
    )
    usage = _usage(request, choices, prompt_tokens, cached_tokens)
    pages = sum(file.pages for file in files)
    if pages:
        usage["extraction_details"] = {
            f"{effort}_effort_pages_extracted": pages * (request.extraction_effort == effort)
            for effort in ("medium", "advanced")
        }
    return Reply(model=request.model, choices=choices, usage=usage, extras=_extras(request, files))


def _choice(
    request: ChatRequest,
    index: int,
    calls: Sequence[Call],
    files: Sequence[Attachment],
    reasoning: str,
    next_call_id: Callable[[], str],
) -> Choice:
    if calls:
        made = tuple(ToolCall(next_call_id(), call.name, call.arguments) for call in calls)
        whole = Choice(text=None, finish_reason="tool_calls", calls=made, reasoning=reasoning)
        return _cut_calls(whole, request.output_limit)
    text = _text(request, files)
    if index and not isinstance(request.response_format, JsonObjectFormat | JsonSchemaFormat):
        text = f"{text} (alternativa {index + 1})"
    return _cut(text, reasoning, request)


def _text(request: ChatRequest, files: Sequence[Attachment]) -> str:
    prompt = last_user_text(request)
    wanted = request.response_format
    if isinstance(wanted, JsonSchemaFormat):
        return json_for(wanted.json_schema.schema_, prompt)
    if isinstance(wanted, JsonObjectFormat):
        return some_json(prompt)
    results = tool_results(request)
    if results:
        quoted = "; ".join(f"{name} respondeu: {result}" for name, result in results)
        return f"Consultei as ferramentas. {quoted}"
    if files:
        read = "; ".join(f"{file.filename}: “{excerpt(file.text)}”" for file in files)
        return f"Li o que você enviou. {read}"
    if made := made_files(request):
        return f"Executei o código e gerei {' e '.join(file.filename for file in made)}."
    earlier = [text_of(m) for m in request.messages if isinstance(m, UserMessage)][:-1]
    return answer(prompt, earlier)


def _reasoning(request: ChatRequest) -> str:
    return (
        f"A pessoa escreveu “{excerpt(last_user_text(request), 40)}”. "
        "Vou conferir o que ela pede e responder em português, de forma direta."
    )


def _cut(text: str, reasoning: str, request: ChatRequest) -> Choice:
    """End a text where a stop sequence or the token limit ends it, whichever comes first."""
    ends = [text.find(stop) for stop in request.stop_sequences]
    ends = [end for end in ends if end >= 0]
    if ends:
        text = text[: min(ends)]
    limit = request.output_limit
    thought, said = split_tokens(reasoning), split_tokens(text)
    if limit is None or len(thought) + len(said) <= limit:
        return Choice(text=text, finish_reason="stop", reasoning=reasoning)
    # Thinking is billed as output, so a small limit can leave nothing for the answer.
    return Choice(
        text="".join(said[: max(0, limit - len(thought))]),
        finish_reason="length",
        reasoning="".join(thought[:limit]),
    )


def _cut_calls(choice: Choice, limit: int | None) -> Choice:
    """End a call where the token limit ends it: in the middle of its arguments, as JSON."""
    if limit is None or choice.tokens <= limit:
        return choice
    rest = limit - count_tokens(choice.reasoning)
    cut: list[ToolCall] = []
    for call in choice.calls:
        rest -= count_tokens(call.name)
        if rest < 0:
            break
        said = split_tokens(call.arguments)[:rest]
        cut.append(replace(call, arguments="".join(said)))
        rest -= len(said)
    text = None if cut else ""
    return replace(choice, text=text, calls=tuple(cut), finish_reason="length")


def _usage(
    request: ChatRequest, choices: Sequence[Choice], prompt_tokens: int, cached_tokens: int
) -> dict[str, Any]:
    completion_tokens = sum(choice.tokens for choice in choices)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }
    if any(choice.reasoning for choice in choices):
        thought = sum(count_tokens(choice.reasoning) for choice in choices)
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    if (executed := execution_details(request)) is not None:
        usage["tool_execution_details"] = executed
    return usage


def _extras(request: ChatRequest, files: Sequence[Attachment]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if request.service_tier:
        extras["service_tier"] = request.service_tier
    if files:
        extras["extracted_files"] = [{"filename": file.filename, "text": file.text} for file in files]
    if made := made_files(request):
        extras["generated_files"] = [
            {
                "filename": file.filename,
                "mime_type": file.media_type,
                "size_bytes": len(file.data),
                "content_base64": base64.b64encode(file.data).decode(),
            }
            for file in made
        ]
    return extras
