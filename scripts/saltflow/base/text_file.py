"""A text file that a user has written: UTF-8, or a sentence that says what it is instead."""

from pathlib import Path

from saltflow.base.errors import InputError

ZIP_MARK = b"PK\x03\x04"  # spreadsheets are zip files


def read_user_text(path: Path) -> str:
    r"""The text of a file, with lines that end in \n and without a byte order mark.

    Raises:
        InputError: the file cannot be read, or is no UTF-8 text.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError([f"{path} cannot be read ({reason}); correct the path or its permissions."]) from None
    if content.startswith(ZIP_MARK):
        raise InputError([f"{path} is a spreadsheet or a zip file; export it as tab-separated UTF-8 text."])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError([f"{path}, line {line}: this is not UTF-8 text; save the file as UTF-8."]) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError([f"{path}, line {line}: a NUL byte stands here; save the file as UTF-8 text."])
    return text.replace("\r\n", "\n").replace("\r", "\n")
