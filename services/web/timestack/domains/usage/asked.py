"""Whose usage of which month a reader asks for, and the figures of it.

Everybody sees the usage of their own account. An administrator may choose one: the transaction then
acts for that account, and the database shows its rows and no other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack import db
from timestack.domains.usage import figures
from timestack.domains.usage.figures import Figure
from timestack.domains.usage.months import Month, months

# No role of the web's sees whose rows there are: these are the accounts that it has heard of.
KNOWN = text("""
select account from users where account is not null
union
select jsonb_object_keys(result -> 'accounts') from jobs
 where kind = 'usage.ingest' and state = 'succeeded'
   and jsonb_typeof(result -> 'accounts') = 'object'
""")
ANY = text("select exists (select from usage)")


class RefusedError(PermissionError):
    """The reader may not see another account; str() is a sentence."""


class UnknownError(ValueError):
    """There is no usage of what is asked for; str() is a sentence, with what there is."""


@dataclass(frozen=True)
class View:
    """The usage of an ``account``, None where the reader has none.

    ``months`` are those that have usage, the oldest first; ``figures`` are of ``month``, which is
    None where ``fault`` says why nothing is shown. ``accounts`` are an administrator's to choose.
    """

    account: str | None
    accounts: Sequence[str] = ()
    months: Sequence[Month] = ()
    month: Month | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    fault: str = ""

    @property
    def offered(self) -> list[str]:
        """``accounts``, and the one that is shown."""
        return sorted({*self.accounts, *filter(None, [self.account])})

    def beside(self, months: int) -> Month | None:
        """The month with usage so many places later in the list, or earlier; None at its ends."""
        if self.month is None:
            return None
        place = self.months.index(self.month) + months
        return self.months[place] if 0 <= place < len(self.months) else None


def accounts() -> list[str]:
    """Return the accounts that have usage, of those that users have or the platform named.

    For administrators: it asks for each whether it has any. One that has come by a file alone is
    not among them, but can be chosen by its name.
    """
    with db.session() as session:
        known = sorted(session.scalars(KNOWN))
    return [each for each in known if _has_usage(each)]


def _has_usage(account: str) -> bool:
    try:
        with _session_of(account) as session:
            return bool(session.scalar(ANY))
    except UnknownError:
        return False


def choose(asked: str | None, own: str | None, *, admin: bool) -> str | None:
    """Return the account that is to be shown: the one ``asked`` for, else the reader's ``own``.

    An administrator without one gets the first that has usage. Raises RefusedError for another
    one than the reader's, unless for an administrator.
    """
    if not asked:
        return own or (next(iter(accounts()), None) if admin else None)
    if asked != own and not admin:
        raise RefusedError(
            "You see the usage of your own account. Only administrators may choose another one."
        )
    return asked


def look(account: str | None, own: str | None, month: str | None, *, admin: bool) -> View:
    """Return the three figures of a month as it is in an address, by default of the newest.

    Raises RefusedError as ``choose`` does.
    """
    chosen = choose(account, own, admin=admin)
    listed = accounts() if admin else []
    if chosen is None:
        return View(None, listed)
    found: list[Month] = []
    try:
        with _session_of(chosen) as session:
            found = months(session)
            if not found and chosen == own:
                return View(chosen, listed)
            shown = _month(chosen, found, month)
            read = {name: figures.read(session, name, shown) for name in figures.NAMES}
    except UnknownError as error:
        return View(chosen, listed, found, fault=str(error))
    return View(chosen, listed, found, shown, read)


def figure(account: str | None, name: str, month: str | None) -> Figure:
    """Return one of NAMES, of an account that ``choose`` returned; raises UnknownError."""
    if account is None:
        raise UnknownError("You have no account of the media platform, and so no usage.")
    with _session_of(account) as session:
        return figures.read(session, name, _month(account, months(session), month))


@contextmanager
def _session_of(account: str) -> Iterator[Session]:
    """A session that acts for an account, whatever text it is; raises UnknownError."""
    with ExitStack() as acting:
        try:
            acting.enter_context(db.acting_for(account))
        except ValueError:
            raise UnknownError(f"“{_printable(account)}” cannot be an account.") from None
        yield acting.enter_context(db.session())


def _printable(name: str) -> str:
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name[:40]
    )


def _month(account: str, found: Sequence[Month], asked: str | None) -> Month:
    """The month that is asked for, by default the newest; raises ValueError with a sentence."""
    if not found:
        raise UnknownError(f"There is no usage of the account “{account}”.")
    if not asked:
        return found[-1]
    there = f"There is usage {_spanned(found)}."
    try:
        month = Month.parse(asked)
    except ValueError as error:
        raise UnknownError(f"{error} {there}") from None
    if month not in found:
        raise UnknownError(f"There is no usage in {month.name}. {there}")
    return month


def _spanned(found: Sequence[Month]) -> str:
    first, last = found[0].name, found[-1].name
    return f"from {first} to {last}" if first != last else f"of {first}"
