"""From completions and chunks to LangChain's results; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.json import parse_partial_json

from maritaca_async.types import Function

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages.ai import UsageMetadata

    from maritaca_async.types import ChatCompletion, ChatCompletionChunk, Choice, Delta, ToolCallDelta, Usage

PROVIDER: Final = "maritaca"
_CUT_OFF: Final = frozenset({"length", "content_filter"})
_FILES: Final = ("extracted_files", "generated_files")


def chat_result(completion: ChatCompletion, model: str) -> ChatResult:
    """The result of a plain call.

    Args:
        completion: What the service answered.
        model: The model that was asked for, in case the answer does not name one.
    """
    generations = [
        ChatGeneration(message=_message(completion, choice, model, first=place == 0))
        for place, choice in enumerate(completion.choices)
    ]
    output = {"model_name": completion.model or model}
    if completion.usage is not None:
        output["token_usage"] = generations[0].message.response_metadata["token_usage"]
    return ChatResult(generations=generations, llm_output=output)


def combine_outputs(outputs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """One summary of several plain calls: the model's name, and every count added up."""
    combined: dict[str, Any] = {}
    for output in outputs:
        for name, value in (output or {}).items():
            combined[name] = _added(combined.get(name, {}), value) if isinstance(value, dict) else value
    return combined


def _added(total: dict[str, Any], counts: Mapping[str, Any]) -> dict[str, Any]:
    added = dict(total)
    for name, value in counts.items():
        if isinstance(value, dict):
            added[name] = _added(added.get(name, {}), value)
        elif isinstance(value, int | float):
            added[name] = added.get(name, 0) + value
    return added


def _message(completion: ChatCompletion, choice: Choice, model: str, *, first: bool) -> AIMessage:
    message = choice.message
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in message.tool_calls or ():
        arguments, problem = _judge(call.function, choice.finish_reason)
        if problem:
            invalid.append(
                invalid_tool_call(
                    name=call.function.name, args=call.function.arguments, id=call.id, error=problem
                )
            )
        else:
            calls.append(tool_call(name=call.function.name, args=arguments, id=call.id))
    return AIMessage(
        content=message.text,
        additional_kwargs=_additional(message.reasoning_content, message.model_extra),
        response_metadata=_metadata(completion, choice, model, first=first),
        tool_calls=calls,
        invalid_tool_calls=invalid,
        # The service counts all answers together: one message carries the count, so that sums are right.
        usage_metadata=usage_metadata(completion.usage) if first and completion.usage else None,
    )


def _additional(reasoning: str | None, extra: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"reasoning_content": reasoning} if reasoning else {}
    if extra and isinstance(refusal := extra.get("refusal"), str):
        found["refusal"] = refusal
    return found


def _metadata(
    completion: ChatCompletion, choice: Choice | None, model: str, *, first: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": completion.model or model,
        "id": completion.id,
        "finish_reason": choice.finish_reason if choice else None,
        "logprobs": choice.logprobs if choice else None,
        "system_fingerprint": completion.system_fingerprint,
        "service_tier": completion.service_tier,
    }
    if first and completion.usage is not None:
        found["token_usage"] = completion.usage.model_dump(exclude_unset=True, exclude_none=True)
    if first:
        for name in _FILES:
            if files := getattr(completion, name):
                found[name] = [file.model_dump(exclude_unset=True) for file in files]
    return {name: value for name, value in found.items() if value is not None and value != ""}


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Token counts in LangChain's terms."""
    found: UsageMetadata = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens or usage.prompt_tokens + usage.completion_tokens,
    }
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    if prompt is not None and prompt.cached_tokens is not None:
        found["input_token_details"] = {"cache_read": prompt.cached_tokens}
    if completion is not None and completion.reasoning_tokens is not None:
        found["output_token_details"] = {"reasoning": completion.reasoning_tokens}
    return found


def _judge(function: Function, finish_reason: str | None) -> tuple[dict[str, Any], str]:
    """The arguments of a call that may be executed, or else what is wrong with it."""
    if finish_reason in _CUT_OFF:
        return {}, f"the answer was cut off ({finish_reason})"
    if not function.name:
        return {}, "the call names no function"
    try:
        return function.parsed_arguments(), ""
    except ValueError as error:
        return {}, f"the arguments are not a JSON object: {error}"


# Streams

_GENERATION: Final = ChatGenerationChunk(message=AIMessageChunk(content="")).__getstate__()
_MESSAGE: Final = AIMessageChunk(content="").__getstate__()
_GENERATION_FIELDS: Final = _GENERATION["__dict__"]
_MESSAGE_FIELDS: Final = _MESSAGE["__dict__"]


def _text_chunk(text: str) -> ChatGenerationChunk:
    # Made as pickle makes objects, from the state of real ones: a third of the constructors' cost, which
    # would be most of what a streamed token costs. Every container is a fresh one.
    message = AIMessageChunk.__new__(AIMessageChunk)
    fields = {
        **_MESSAGE_FIELDS,
        "content": text,
        "additional_kwargs": {},
        "response_metadata": {"model_provider": PROVIDER},
        "tool_calls": [],
        "invalid_tool_calls": [],
        "tool_call_chunks": [],
    }
    given = {"content", "response_metadata"}
    message.__setstate__(
        {**_MESSAGE, "__dict__": fields, "__pydantic_fields_set__": given, "__pydantic_extra__": {}}
    )
    generation = ChatGenerationChunk.__new__(ChatGenerationChunk)
    fields = {**_GENERATION_FIELDS, "text": text, "message": message}
    generation.__setstate__(
        {**_GENERATION, "__dict__": fields, "__pydantic_fields_set__": {"text", "message"}}
    )
    return generation


class ChunkReader:
    """Turns the chunks of one streamed answer into LangChain's, and closes it with one last chunk."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls = _Calls()
        self._files: dict[str, Any] = {}

    def read(self, chunk: ChatCompletionChunk) -> ChatGenerationChunk | None:
        """What a chunk brings, None if it brings nothing to show."""
        for choice in chunk.choices:
            if choice.index == 0:
                delta = choice.delta
                if delta.content and delta.tool_calls is None and delta.reasoning_content is None:
                    return _text_chunk(delta.content)
                self._keep_files(chunk)
                return self._read_more(delta)
        self._keep_files(chunk)
        return None

    def _keep_files(self, chunk: ChatCompletionChunk) -> None:
        if extra := chunk.model_extra:
            self._files.update({name: extra[name] for name in _FILES if extra.get(name)})

    def _read_more(self, delta: Delta) -> ChatGenerationChunk | None:
        pieces = self._calls.take(delta.tool_calls) if delta.tool_calls else []
        additional = _additional(delta.reasoning_content, delta.model_extra)
        if not (pieces or additional or delta.content):
            return None
        started = any(piece["name"] for piece in pieces)
        message = AIMessageChunk(
            content=delta.content or "",
            additional_kwargs=additional,
            response_metadata={"model_provider": PROVIDER},
            tool_call_chunks=pieces if started else [],
        )
        if not started:
            # The constructor would parse the fragment, in time quadratic in its length.
            message.tool_call_chunks = pieces
        return ChatGenerationChunk(message=message)

    def close(self, received: ChatCompletion) -> ChatGenerationChunk:
        """The last chunk: finish reason, model and usage, and whatever makes broken tool calls invalid.

        Args:
            received: The whole answer, read from the stream that has just ended.
        """
        choice = next((choice for choice in received.choices if choice.index == 0), None)
        message = AIMessageChunk(
            content="",
            response_metadata={**_metadata(received, choice, self._model, first=True), **self._files},
            usage_metadata=usage_metadata(received.usage) if received.usage else None,
            chunk_position="last",
        )
        if spoilers := self._calls.spoilers(choice.finish_reason if choice else None):
            message.tool_call_chunks = spoilers
        return ChatGenerationChunk(message=message)


class _Call:
    """A tool call while its pieces arrive."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []

    @property
    def function(self) -> Function:
        return Function(name=self.name, arguments="".join(self.pieces))

    def take(self, piece: ToolCallDelta) -> ToolCallChunk:
        """Add a piece; id and name are handed out once, for LangChain joins what is repeated."""
        function = piece.function
        new_id = piece.id if piece.id and not self.id else None
        new_name = function.name if function and function.name and not self.name else None
        self.id, self.name = self.id or new_id or "", self.name or new_name or ""
        arguments = (function.arguments if function else None) or ""
        if not self.pieces:
            # Blanks alone mean "no arguments", but LangChain would call them broken JSON.
            arguments = arguments.lstrip(" \t\r\n")
        if arguments:
            self.pieces.append(arguments)
        return tool_call_chunk(name=new_name, args=arguments, id=new_id, index=self.position)

    def differs_from(self, piece: ToolCallDelta) -> bool:
        """Whether a piece that seems to belong here opens another call: new id, or new name after complete JSON."""
        if piece.id and self.id:
            return piece.id != self.id
        name = piece.function.name if piece.function else None
        if not name or not self.name:
            return False
        return name != self.name or (bool(piece.function and piece.function.arguments) and self._complete())

    def _complete(self) -> bool:
        try:
            return bool(self.pieces) and self.function.parsed_arguments() is not None
        except ValueError:
            return False


class _Calls:
    """The tool calls of one answer, told apart whatever dialect the server speaks."""

    def __init__(self) -> None:
        self._all: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def take(self, pieces: list[ToolCallDelta]) -> list[ToolCallChunk]:
        """The pieces of one delta, each under the index of its own call."""
        found: dict[int, ToolCallChunk] = {}
        for piece in pieces:
            call = self._call_of(piece)
            chunk = call.take(piece)
            known = found.get(call.position)
            if known is not None:
                chunk = tool_call_chunk(
                    name=known["name"] or chunk["name"],
                    args=(known["args"] or "") + (chunk["args"] or ""),
                    id=known["id"] or chunk["id"],
                    index=call.position,
                )
            found[call.position] = chunk
        return list(found.values())

    def spoilers(self, finish_reason: str | None) -> list[ToolCallChunk]:
        """Pieces that keep LangChain from repairing the calls that must not be executed."""
        found = []
        for call in self._all:
            function = call.function
            if _judge(function, finish_reason)[1] and _would_be_repaired(function.arguments):
                found.append(
                    tool_call_chunk(
                        name=None, args=_spoiler(function.arguments), id=None, index=call.position
                    )
                )
        return found

    def _call_of(self, piece: ToolCallDelta) -> _Call:
        known: _Call | None
        if piece.index is not None:
            known = self._by_index.get(piece.index)
        elif piece.id:
            known = next((call for call in self._all if call.id == piece.id), None)
        else:
            known = self._all[-1] if self._all else None
        if known is None or known.differs_from(piece):
            known = _Call(len(self._all))
            self._all.append(known)
            if piece.index is not None:
                self._by_index[piece.index] = known
        return known


def _would_be_repaired(arguments: str) -> bool:
    if not arguments:
        return True
    try:
        parse_partial_json(arguments)
    except ValueError:
        return False
    return True


def _spoiler(arguments: str) -> str:
    """The shortest text that no closing of brackets can turn into JSON: a bracket that does not match.

    LangChain repairs incomplete JSON when it puts chunks together, and would make a callable tool call
    of one that was cut in the middle.
    """
    open_brackets: list[str] = []
    in_string = escaped = False
    for char in arguments:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            open_brackets.append(char)
        elif char in "}]" and open_brackets:
            open_brackets.pop()
    closed = ('""' if escaped else '"') if in_string else ""
    return closed + ("}" if open_brackets and open_brackets[-1] == "[" else "]")
