"""Files that come with an answer: read out of what was sent, or made by code execution."""

from __future__ import annotations

import base64
import re
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ._base import IntOrNull, StrOrNull, Subscriptable

if TYPE_CHECKING:
    import os

_UNSAFE = r'[\x00-\x1f\x7f<>:"/\\|?*]+'
# Windows opens a device for these, whatever the extension.
_DEVICES = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"
_LONGEST = 200  # bytes; file systems take 255


class ExtractedFile(Subscriptable):
    """Text that the service read out of a file you sent. Not kept there: keep it to avoid paying again.

    Reads like a dictionary, too, as the official examples do: `file["filename"]`.
    """

    filename: StrOrNull = ""
    """Name of the file sent."""
    text: StrOrNull = ""
    """Its text."""


class GeneratedFile(Subscriptable):
    """A file made by code execution (contract section 13). Reads like a dictionary, too."""

    filename: StrOrNull = ""
    """Suggested name; never trust it as a path. `save` does not."""
    mime_type: StrOrNull = ""
    """Media type."""
    size_bytes: IntOrNull = 0
    """Size of the decoded file; 0 where the service does not say."""
    content_base64: StrOrNull = ""
    """The file, Base64-encoded."""

    @property
    def content(self) -> bytes:
        """The file, decoded.

        Raises:
            ValueError: there is no content, it is not Base64, or it is not of `size_bytes`.
        """
        if not self.content_base64:
            raise ValueError(f"the answer names {self.filename!r}, but brought no content of it")
        try:
            content = base64.b64decode(self.content_base64, validate=True)
        except ValueError as error:
            raise ValueError(f"the content of {self.filename!r} is not Base64: {error}") from error
        if self.size_bytes not in (0, len(content)):
            raise ValueError(
                f"the content of {self.filename!r} is not whole: {len(content):,} bytes of {self.size_bytes:,}; "
                "what came is in content_base64"
            )
        return content

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write the file into a directory, under its suggested name made safe.

        It never lands outside the directory and never replaces a file: a name that is taken gets a number.

        Args:
            directory: Where to put it; made if it does not exist.

        Returns:
            The path written.

        Raises:
            ValueError: there is no content, or it cannot be used: see `content`.
            OSError: the directory cannot be written to.
        """
        content = self.content
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / safe_name(self.filename)
        numbers = count(2)
        while not _written(path, content):
            path = path.with_name(f"{Path(safe_name(self.filename)).stem}-{next(numbers)}{path.suffix}")
        return path


def _written(path: Path, content: bytes) -> bool:
    """Write a new file; False when the name is taken."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def safe_name(suggested: str) -> str:
    """A file name without directories, control characters, device names and hidden files."""
    last = PurePosixPath(suggested.replace("\\", "/")).name
    name = re.sub(_UNSAFE, "_", last).strip(" .")
    if len(name.encode()) > _LONGEST:
        suffix = Path(name).suffix[:20]
        name = name.encode()[: _LONGEST - len(suffix.encode())].decode(errors="ignore") + suffix
    if not name:
        return "file"
    return f"_{name}" if re.fullmatch(_DEVICES, name, flags=re.IGNORECASE) else name
