"""Takes a file into the journal: all of it, or nothing; and finds its rows again when the campaign goes on."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

from lienthong.errors import LienthongError
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.remedies import REMEDIES
from lienthong_connectors.campaign.table import Account, Finding, read_accounts

#: A spreadsheet ends here, header included.
_SPREADSHEET_LINES = 1_048_576
_MOST_SHOWN = 20


class FileRefusedError(LienthongError):
    """The file has findings and nobody has accepted them.

    Args:
        findings: What is wrong, in the order of the file.
        total: How many there are.
    """

    def __init__(self, findings: list[Finding], total: int) -> None:
        super().__init__("the file has findings and nothing of it was taken in")
        self.findings = findings
        self.total = total


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reference_of(secret: bytes, kind: str, number: str) -> str:
    """Return the reference of a person, the same for the same number; empty for no number.

    Args:
        secret: Keys it.
        kind: Type of the identifier.
        number: The identifier.
    """
    if not number:
        return ""
    return "p-" + hmac.new(secret, f"subject:{kind}:{number}".encode(), hashlib.sha256).hexdigest()[:24]


def load(journal: Journal, path: Path, secret: bytes, decided_at: str, *, is_accepted: bool) -> None:
    """Check a file and take it in.

    Args:
        journal: Empty.
        path: The file; it is read as a stream.
        secret: Keys the references of persons.
        decided_at: ISO 8601, for what is decided without a question.
        is_accepted: Whether rows with findings are set aside; otherwise one of them refuses the whole file.

    Raises:
        FileRefusedError: If there are findings that nobody accepted; the journal is as empty as before.
        ConfigurationError: If nothing of the file can be used.
    """

    def rows() -> Iterator[tuple[int, str, str, bool] | Finding]:
        last = 0
        for each in read_accounts(path):
            last = each.line
            if isinstance(each, Finding):
                yield each
            else:
                yield each.line, each.account, reference_of(secret, each.kind, each.number), each.is_converted
        if last == _SPREADSHEET_LINES:
            yield Finding(last, "", "spreadsheet_limit")

    def refuse_findings() -> None:
        found = journal.findings(_MOST_SHOWN)
        if found and not is_accepted:
            raise FileRefusedError(found, sum(journal.counts().findings.values()))

    journal.take_in(rows(), refuse_findings, digest=digest_of(path))
    journal.decide_at_sight(decided_at)


def open_rows(journal: Journal, path: Path) -> Iterator[Account]:
    """Yield the rows that are still open, read again from the file.

    Args:
        journal: Says which.
        path: The file that was taken in.
    """
    wanted = journal.open_lines()
    line = next(wanted, None)
    for each in read_accounts(path):
        if line is None:
            return
        if each.line == line:
            if isinstance(each, Account):
                yield each
            line = next(wanted, None)


def describe(finding: Finding) -> str:
    """Return one line for people: where, what, and what to do; never a value.

    Args:
        finding: What is wrong.
    """
    field = f"{finding.field}: " if finding.field else ""
    return f"dòng (line) {finding.line}: {field}{finding.rule}: {REMEDIES.get(finding.rule, finding.rule)}"
