"""A lending library: books, members, loans, and what is overdue."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path

LOAN_DAYS = 21
FEE_PER_DAY = 25


@dataclass
class Book:
    """A title in the catalogue. ``copies`` counts those on the shelf, not those that are lent."""

    isbn: str
    title: str
    author: str
    copies: int = 1
    subjects: set[str] = field(default_factory=set)

    def is_available(self) -> bool:
        return self.copies > 0

    def label(self) -> str:
        """What is printed on the back of the book."""
        return f"{self.author}: {self.title} ({self.isbn})"


@dataclass
class Member:
    """Someone who may borrow up to ``limit`` books at a time."""

    name: str
    email: str
    limit: int = 5
    joined: date = field(default_factory=date.today)


@dataclass
class Loan:
    """A book that a member has at home."""

    isbn: str
    email: str
    due: date

    def is_overdue(self, today: date) -> bool:
        return today > self.due

    def fee(self, today: date) -> int:
        """What is owed for it in cents."""
        if not self.is_overdue(today):
            return 0
        return (today - self.due).days * FEE_PER_DAY


class NotAvailableError(Exception):
    """No copy of the book is on the shelf, or the member has too many already."""


class Library:
    """Books by ISBN, members by address, and all loans."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.members: dict[str, Member] = {}
        self.loans: list[Loan] = []

    def add_book(self, book: Book) -> None:
        """Put a book on the shelf; more copies of one that is there already are added to it."""
        known = self.books.get(book.isbn)
        if known is None:
            self.books[book.isbn] = book
        else:
            known.copies += book.copies
            known.subjects |= book.subjects

    def add_member(self, member: Member) -> None:
        if member.email in self.members:
            raise ValueError(f"{member.email} is a member already")
        self.members[member.email] = member

    def loans_of(self, email: str) -> list[Loan]:
        """The loans of one member, the one that is due first comes first."""
        loans = [loan for loan in self.loans if loan.email == email]
        return sorted(loans, key=lambda loan: loan.due)

    def lend(self, isbn: str, email: str, today: date) -> Loan:
        """Hand out a book. Raises NotAvailableError when that is not possible."""
        book = self.books[isbn]
        member = self.members[email]
        if not book.is_available():
            raise NotAvailableError(f"{book.title} is not on the shelf")
        if len(self.loans_of(email)) >= member.limit:
            raise NotAvailableError(f"{member.name} has {member.limit} books already")
        book.copies -= 1
        loan = Loan(isbn, email, today + timedelta(days=LOAN_DAYS))
        self.loans.append(loan)
        return loan

    def take_back(self, isbn: str, email: str, today: date) -> int:
        """Take a book back and return the fee for it in cents."""
        for loan in self.loans_of(email):
            if loan.isbn == isbn:
                self.loans.remove(loan)
                self.books[isbn].copies += 1
                return loan.fee(today)
        raise KeyError(f"{email} does not have {isbn}")

    def overdue(self, today: date) -> list[Loan]:
        """All loans that are overdue, the oldest first."""
        late = [loan for loan in self.loans if loan.is_overdue(today)]
        return sorted(late, key=lambda loan: loan.due)

    def fees_by_member(self, today: date) -> dict[str, int]:
        """What each member owes, in cents; members who owe nothing are left out."""
        fees: Counter[str] = Counter()
        for loan in self.overdue(today):
            fees[loan.email] += loan.fee(today)
        return dict(fees)

    def search(self, words: str) -> list[Book]:
        """Books that have every one of ``words`` in their title, author or subjects."""
        wanted = words.lower().split()
        found = []
        for book in self.books.values():
            text = " ".join([book.title, book.author, *book.subjects]).lower()
            if all(word in text for word in wanted):
                found.append(book)
        return sorted(found, key=lambda book: book.title)

    def popular(self, count: int = 10) -> list[tuple[str, int]]:
        """The titles that are lent most often now, with how often."""
        lent = Counter(loan.isbn for loan in self.loans)
        return [(self.books[isbn].title, number) for isbn, number in lent.most_common(count)]

    def save(self, path: Path) -> None:
        """Write everything to a JSON file."""
        data = {
            "books": [{**asdict(book), "subjects": sorted(book.subjects)} for book in self.books.values()],
            "members": [{**asdict(member), "joined": member.joined.isoformat()} for member in self.members.values()],
            "loans": [{**asdict(loan), "due": loan.due.isoformat()} for loan in self.loans],
        }
        path.write_text(json.dumps(data, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Library":
        """Read what ``save`` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        library = cls()
        for row in data["books"]:
            library.add_book(Book(**{**row, "subjects": set(row["subjects"])}))
        for row in data["members"]:
            library.add_member(Member(**{**row, "joined": date.fromisoformat(row["joined"])}))
        for row in data["loans"]:
            library.loans.append(Loan(row["isbn"], row["email"], date.fromisoformat(row["due"])))
        return library


def report(library: Library, today: date) -> str:
    """A letter for each member who has something overdue."""
    letters = []
    for email, fee in library.fees_by_member(today).items():
        member = library.members[email]
        lines = [f"Dear {member.name},", "", "please bring these back:"]
        for loan in library.loans_of(email):
            if loan.is_overdue(today):
                book = library.books[loan.isbn]
                days = (today - loan.due).days
                lines.append(f"  {book.title}, {days} days late")
        lines += ["", f"The fee is {fee / 100:.2f} euros until today."]
        letters.append("\n".join(lines))
    return "\n\n".join(letters)
