"""The content of messages, from every kind of block LangChain knows to the parts of a request; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ._files import DOCUMENTS, IMAGES, Unusable, checked_uri, data_uri, default_name, is_http, type_of

Wire = dict[str, Any]
Block = Mapping[str, Any]

_NO_TEXT: Final = frozenset({"image", "image_url", "file", "document", "audio", "input_audio", "video"})


def text_of(block: Any) -> str | None:
    """The text of a text block, None for any other block."""
    if isinstance(block, str):
        return block
    text = block.get("text") if kind_of(block) == "text" else None
    return text if isinstance(text, str) else None


def kind_of(block: Any) -> Any:
    """The type of a block; one that names none is text."""
    return block.get("type", "text") if isinstance(block, Mapping) else type(block).__name__


def texts_of(content: str | list[Any]) -> str:
    """The texts in a message, everything else left out."""
    if isinstance(content, str):
        return content
    return "".join(text for block in content if (text := text_of(block)))


def only_text(content: str | list[Any]) -> str:
    """The text of a message that takes nothing else.

    Raises:
        Unusable: there is something else.
    """
    if isinstance(content, str):
        return content
    texts = []
    for block in content:
        text = text_of(block)
        if text is None:
            raise Unusable(f"a system message takes text only, not a block of type {kind_of(block)!r}")
        texts.append(text)
    return "\n".join(texts)


def result_text(content: str | list[Any]) -> str:
    """What a tool gave back, as text: blocks that are not text go as JSON.

    Raises:
        Unusable: an image or a file, which no tool message can carry.
    """
    if isinstance(content, str):
        return content
    for block in content:
        if kind_of(block) in _NO_TEXT:
            raise Unusable(
                f"a tool message takes text only, not a block of type {kind_of(block)!r}: "
                "put it into a human message after the tool messages"
            )
    texts = [text_of(block) for block in content]
    known = [text for text in texts if text is not None]
    return "\n".join(known) if len(known) == len(texts) else json_text(content)


def json_text(value: Any) -> str:
    """A value as JSON.

    Raises:
        Unusable: it has no JSON form.
    """
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise Unusable(f"it cannot be written as JSON: {error}") from error


def user_content(content: str | list[Any]) -> str | list[Wire]:
    """What a user says, shows or hands over.

    Raises:
        Unusable: a block that the service does not take.
    """
    if isinstance(content, str):
        return content
    parts = []
    for place, block in enumerate(content):
        try:
            parts.append(_part(block))
        except Unusable as problem:
            raise Unusable(f"content[{place}] of type {kind_of(block)!r}: {problem}") from None
    return parts or ""


def _part(block: Any) -> Wire:
    if (text := text_of(block)) is not None:
        return _text(text)
    convert = _PARTS.get(kind_of(block))
    if convert is None:
        raise Unusable("a user message takes text, images and files only")
    return convert(block)


def _text(text: str) -> Wire:
    return {"type": "text", "text": text}


def _image(block: Block) -> Wire:
    # LangChain's own block, today's and the earlier one, and Anthropic's, which nests the same thing.
    source = block.get("source")
    if isinstance(source, Mapping):
        block = {**source, "mime_type": source.get("media_type")}
    if url := block.get("url"):
        return _image_at(url)
    data = block.get("base64") or block.get("data")
    if not data:
        raise Unusable(
            "an image needs a url, or base64 together with mime_type (image/png or image/jpeg); "
            "Maritaca keeps no images, so there is none to be had by id"
        )
    return _image_part(data_uri(block.get("mime_type"), data, IMAGES))


def _image_url(block: Block) -> Wire:
    given = block.get("image_url")
    return _image_at(given.get("url") if isinstance(given, Mapping) else given)


def _image_at(url: Any) -> Wire:
    if isinstance(url, str) and is_http(url):
        return _image_part(url)
    if isinstance(url, str) and url.startswith("data:"):
        return _image_part(checked_uri(url, IMAGES))
    raise Unusable(
        f"an image needs an http(s) URL or a data URI of a PNG or JPEG, not {url!r:.60}; "
        "send a local file as base64 together with mime_type"
    )


def _image_part(url: str) -> Wire:
    # `detail` is not documented for this service, which refuses what it does not know.
    return {"type": "image_url", "image_url": {"url": url}}


def _file(block: Block) -> Wire:
    given = block.get("file")
    if isinstance(given, Mapping):
        if not given.get("file_data"):
            raise _by_reference()
        return _file_part(checked_uri(given["file_data"], DOCUMENTS), given.get("filename"))
    data = block.get("base64") or block.get("data")
    if not data:
        raise _by_reference()
    name = _filename(block)
    return _file_part(data_uri(type_of(block.get("mime_type"), name), data, DOCUMENTS), name)


def _document(block: Block) -> Wire:
    """Anthropic's block for a document."""
    source = block.get("source")
    if not isinstance(source, Mapping) or not source.get("data"):
        raise _by_reference()
    if source.get("type") == "text":
        return _text(source["data"])
    return _file_part(data_uri(source.get("media_type"), source["data"], DOCUMENTS), block.get("title"))


def _plain_text(block: Block) -> Wire:
    if (text := block.get("text")) is not None:
        return _text(text)
    return _file({"mime_type": "text/plain", **block})


def _by_reference() -> Unusable:
    return Unusable(
        "a file needs base64 together with mime_type: Maritaca takes documents by value, not by URL or id"
    )


def _file_part(uri: str, name: Any) -> Wire:
    return {"type": "file", "file": {"filename": name or default_name(uri), "file_data": uri}}


def _filename(block: Block) -> Any:
    places = (block, block.get("extras"), block.get("metadata"))
    return next((place["filename"] for place in places if place and place.get("filename")), None)


_PARTS: Final[dict[Any, Callable[[Block], Wire]]] = {
    "image_url": _image_url,
    "image": _image,
    "file": _file,
    "document": _document,
    "text-plain": _plain_text,
}
