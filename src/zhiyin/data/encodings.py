"""Which encoding a text is in: UTF-8 if it can be, GB 18030 (with GBK) if it looks Chinese, else an error."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from zhiyin.errors import DataError

__all__ = ["check_encoding"]

CHUNK = 1 << 20
PAIR = re.compile(rb"[\x81-\xfe][\xa1-\xfe]")
"""A character of GB 2312 is two high bytes; in Latin-1 text a high byte mostly stands alone."""
ENOUGH = 12
"""Different pairs from which on their first bytes tell a script."""


def check_encoding(path: Path, content: bytes | None, given: str | None) -> str:
    """The encoding of a file (or of its unpacked content): the given one if it fits, else what fits.

    UTF-8 with and without a byte order mark is "utf-8". Latin-1 fits everything, so it is never
    guessed: it has to be given.
    """
    try:
        wanted = codecs.lookup(given).name if given else None
    except LookupError as error:
        raise DataError(
            "an encoding that Python knows", value=given, hint="utf-8, gb18030, latin-1 …"
        ) from error
    start = next(chunks(path, content), b"")[:4]
    if wanted is None and start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        wanted = "utf-16"
    if wanted not in (None, "utf-8", "utf-8-sig"):
        place = first_bad(path, content, wanted or "")
        if place is None:
            return wanted or "utf-8"
        raise wrong(
            path, content, place, f"text in {wanted}", "is the encoding right? Leave it out to have it found"
        )
    place = first_bad(path, content, "utf-8")
    if place is None:
        return "utf-8"
    if b"\0" in (opening := next(chunks(path, content), b"")):
        raise wrong(path, content, opening.find(b"\0"), "UTF-8 text", "")
    if wanted is None and looks_chinese(path, content) and first_bad(path, content, "gb18030") is None:
        return "gb18030"
    raise wrong(
        path,
        content,
        place,
        "UTF-8 text",
        "if it is another encoding, say so: encoding='latin-1', 'gb18030', 'euc-kr', 'cp1251' …",
    )


def first_bad(path: Path, content: bytes | None, encoding: str) -> int | None:
    """Where the bytes stop being text in this encoding; a NUL byte is never text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    for chunk in chunks(path, content):
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return done - waiting + error.start
        if "\0" in text:
            return done + max(0, chunk.find(b"\0"))
        done += len(chunk)
    return done if decoder.getstate()[0] else None


def looks_chinese(path: Path, content: bytes | None) -> bool:
    """Most high bytes stand in pairs as Chinese has them, and the text is not UTF-8 with a flaw or two."""
    high = paired = 0
    different: set[bytes] = set()
    for chunk in chunks(path, content):
        as_utf8 = chunk.decode("utf-8", "replace")
        if as_utf8.count("\ufffd") < 0.1 * sum(not character.isascii() for character in as_utf8[:100_000]):
            return False
        high += len(chunk) - len(chunk.translate(None, bytes(range(128, 256))))
        pairs = PAIR.findall(chunk)
        paired += 2 * len(pairs)
        different.update(pairs)
    return paired >= 0.8 * high and not other_script(different)


def other_script(pairs: set[bytes]) -> bool:
    """Whether pairs of bytes are letters of Korean, Cyrillic, Greek or Hebrew rather than Chinese.

    GB 2312 sorts its common characters by sound: a third or more of those that a text has come after the
    last syllable of EUC-KR (C8FE), and a third end in a byte below C0, where other scripts have no letters.
    From D8A1 on stand the rare ones.
    """
    letters = [pair for pair in pairs if pair[0] >= 0xB0]
    if len(letters) < ENOUGH:
        return False
    later = sum(0xC9 <= pair[0] <= 0xD7 for pair in letters)
    rare = sum(pair[0] >= 0xD8 for pair in letters)
    low = sum(pair[1] < 0xC0 for pair in letters)
    korean = later < 0.05 * len(letters) and rare < 0.05 * len(letters)
    single = low < 0.04 * len(letters) and (len(letters) > 20 or rare > 0.6 * len(letters))
    return korean or single


def wrong(path: Path, content: bytes | None, place: int, expected: str, hint: str) -> DataError:
    """Names the row and the bytes that are not text."""
    row, seen, found = 1, 0, b""
    for chunk in chunks(path, content):
        if seen + len(chunk) > place:
            row += chunk.count(b"\n", 0, max(0, place - seen))
            found = chunk[max(0, place - seen) : place - seen + 4]
            break
        row += chunk.count(b"\n")
        seen += len(chunk)
    if b"\0" in found:
        hint = "this looks like a binary file: CSV, JSON Lines and Parquet files are read"
    return DataError(expected, value=found, file=path, row=row, hint=hint)


def chunks(path: Path, content: bytes | None) -> Iterator[bytes]:
    if content is not None:
        yield from (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))
        return
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
