"""Reads the plays of an export or a data set in any packaging: a file, a folder or an archive."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from streams.files.containers import Member, members_of
from streams.files.csv_tables import DELIMITERS
from streams.files.errors import PlaysFileError, UnusableFileError
from streams.files.formats.head import Head
from streams.files.formats.rows import ImportedPlay, ImportOptions, Row
from streams.files.formats.table import FORMATS, Format, format_of
from streams.files.times import NoTimezoneError
from streams.files.unpacked import BUFFER_BYTES, BytesRead, DamagedFileError

FORMAT_NAMES = tuple(dict.fromkeys(form.name for form in FORMATS))


class Place(NamedTuple):
    """The place of a row."""

    file: str
    row: int
    """Its number in the file, counted from 1, a header not included."""


class ImportSource:
    """The files of plays in an export of another service, or in a data set.

    Attributes:
        path: The file, the archive or the folder.
        options: The facts that the files lack.
        done: The bytes that were read so far.
        formats: The titles of the formats that were found.
        n_files: Files of plays that were read, at least up to damage.
        n_other_files: Files of an archive or folder that have none; they are ignored.
        n_rows: Rows that were read.
        damage: The errors of files that were read in part, if the caller asked for that.
    """

    def __init__(
        self, path: Path, options: ImportOptions, format_name: str | None = None, *, reads_damaged: bool = False
    ) -> None:
        """Read nothing yet.

        Args:
            path: A file, an archive or a folder.
            options: The facts that the files lack.
            format_name: The format of the files; None to recognise it.
            reads_damaged: Whether the rows before damage count.
        """
        self.path, self.options, self._format_name, self._reads_damaged = path, options, format_name, reads_damaged
        self.done = BytesRead()
        self.formats: dict[str, None] = {}
        self.n_files = self.n_other_files = self.n_rows = 0
        self.damage: list[str] = []
        self._named: str | None = None

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """Yield every row with its place; a play has a listener.

        Raises:
            PlaysFileError: There is no file of plays, or it cannot be read to its end.
        """
        unusable: PlaysFileError | None = None
        for member in members_of(self.path, self.done, self._take_damage):
            form = self._format_of(member)
            if form is None:
                self.n_other_files += 1
                continue
            try:
                yield from self._rows_of(member, form)
            except UnusableFileError as error:
                unusable = error
                self.n_other_files += 1
                continue
            except DamagedFileError as error:
                self._take_damage(error)
            self.n_files += 1
            self.formats[form.title] = None
        if not self.n_files:
            wanted = self._format_name or ", ".join(FORMAT_NAMES)
            if unusable is not None:
                raise unusable
            if self.damage:
                raise DamagedFileError(self.damage[0])
            message = f"{self.path} has no file of plays in one of these formats: {wanted}."
            if self._format_name is None:
                message += " Name a file with playfold's columns itself, not its folder or archive."
            raise PlaysFileError(message)

    def _take_damage(self, error: DamagedFileError) -> None:
        """Remember damage, or end reading if the caller wants whole files only."""
        if not self._reads_damaged:
            raise error
        # An archive that is damaged within a file has the error of the file, too.
        if not any(str(error).rstrip(".") in sentence for sentence in self.damage):
            self.damage.append(str(error))

    def _format_of(self, member: Member) -> Format | None:
        form = format_of(Head(member.stream.peek(BUFFER_BYTES), member.name), self._format_name)
        if form is None and self._format_name is not None and member.name == str(self.path):
            # The only file, of which the caller knows more than its beginning says.
            return next(form for form in FORMATS if form.name == self._format_name)
        return form

    def _rows_of(self, member: Member, form: Format) -> Iterator[tuple[Place, Row]]:
        n_rows = 0
        try:
            for n_rows, row in enumerate(form.read(member.stream, self.options), 1):
                with_user = self._with_user(row, member)
                self.n_rows += 1
                yield Place(member.name, n_rows), with_user
        except NoTimezoneError as error:
            message = f"{member.name}: {error}: name its zone with --timezone, such as --timezone Europe/Berlin."
            raise PlaysFileError(message) from None
        except DamagedFileError as error:
            fault = str(error).rstrip(".")
            named = f"{fault}." if member.name in fault else f"{member.name} cannot be read further: {fault}."
            message = f"{named} {n_rows:,} of its rows were read before."
            raise DamagedFileError(message) from None
        except UnusableFileError as error:
            message = f"{member.name} {error}"
            raise UnusableFileError(message) from None
        except PlaysFileError as error:
            message = str(error) if member.name in str(error) else f"{member.name} {error}"
            raise PlaysFileError(message) from None

    def _with_user(self, row: Row, member: Member) -> Row:
        if not isinstance(row, ImportedPlay):
            return row
        if row.user_id is not None:
            return row if self.options.user_id is None else self._renamed(row, row.user_id, member)
        if self.options.user_id is None:
            message = f"{member.name} names no listener: name the listener with --user."
            raise PlaysFileError(message)
        return row._replace(user_id=self.options.user_id)

    def _renamed(self, play: ImportedPlay, named: str, member: Member) -> ImportedPlay:
        """Return a play of the caller's listener; the files may name one listener then."""
        if self._named is None:
            self._named = named
        if named != self._named:
            names = f"{self._named!r} and {named!r} among them"
            message = f"{member.name} names more than one listener, {names}: leave --user out."
            raise PlaysFileError(message)
        return play._replace(user_id=self.options.user_id)


def recognise(path: Path, own_columns: set[str]) -> Format | None:
    """Return the format of the first file of plays in a file, archive or folder.

    Args:
        path: The file, archive or folder.
        own_columns: The columns of a file that needs no format.

    Returns:
        The format; None if there is none, or the file has the columns.

    Raises:
        PlaysFileError: The packaging cannot be read.
    """
    damage: list[DamagedFileError] = []
    for member in members_of(path, on_damage=damage.append):
        head = Head(member.stream.peek(BUFFER_BYTES), member.name)
        if _has(own_columns, head) and member.name == str(path):
            return None
        form = format_of(head)
        if form is not None:
            return form
    if damage:
        raise damage[0]
    return None


def _has(columns: set[str], head: Head) -> bool:
    wanted = {column.casefold() for column in columns}
    rows = (head.first_object.keys(), *(head.columns(delimiter) for delimiter in DELIMITERS))
    return any(wanted <= {name.casefold() for name in names} for names in rows)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
