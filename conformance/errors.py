"""The one error for what a person wrote: a clear line instead of a traceback."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Something that a person wrote cannot be used.

    file: where it stands. place: its line, or a key or other text that finds it ("" for the file as
    a whole). problem: what is wrong. remedy: what to do about it.
    """

    def __init__(self, file: Path | str, place: int | str, problem: str, remedy: str) -> None:
        super().__init__(file, place, problem, remedy)
        self.file, self.place, self.problem, self.remedy = str(file), place, problem, remedy

    def __str__(self) -> str:
        """Return `file:line: problem; remedy`, on one line."""
        place = f":{self.place}" if isinstance(self.place, int) else f": {self.place}"
        where = self.file + (place if self.place != "" else "")
        return " ".join(f"{where}: {self.problem}; {self.remedy}".split())


def unreadable(file: Path | str, error: OSError | UnicodeError) -> UserError:
    """The error for a file that cannot be opened or is not UTF-8."""
    if isinstance(error, UnicodeError):
        return UserError(file, "", "is not UTF-8 text", "save it as UTF-8")
    reason = (error.strerror or str(error)).lower()
    return UserError(file, "", f"cannot be read ({reason})", "check the path")
