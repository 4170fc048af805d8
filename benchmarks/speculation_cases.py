"""Prompts for ``benchmarks.speculation``: code that repeats what stands above it, and ordinary code."""

import random
from pathlib import Path
from typing import NamedTuple

from copilot.context.request import CaretPlace, InfillRequest


class Case(NamedTuple):
    name: str
    request: InfillRequest


_RENAMED = """\
class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("the amount must be positive")
        self.balance += amount
        return self.balance

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError("there is not enough money")
        self.balance -= amount
        return self.balance


# The same class with other names: owner is now holder, balance is now total.
class Account:
    def __init__(self, holder, total):
        self.holder = holder
        self.total = total

    """

_TESTS = """\
def test_an_empty_cart_costs_nothing():
    cart = Cart(currency="EUR")
    total = cart.total(discount=0.0, shipping=0)
    assert total.amount == 0
    assert total.currency == "EUR"


def test_one_item_costs_its_price():
    cart = Cart(currency="EUR")
    cart.add(Item("pen", price=120), count=1)
    total = cart.total(discount=0.0, shipping=0)
    assert total.amount == 120
    assert total.currency == "EUR"


def test_two_items_cost_twice_the_price():
    """

_SIMILAR = """\
func (s *Store) LoadUser(ctx context.Context, id string) (*User, error) {
	row := s.db.QueryRowContext(ctx, "SELECT id, name, created FROM users WHERE id = ?", id)
	var user User
	if err := row.Scan(&user.ID, &user.Name, &user.Created); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return nil, ErrNotFound
		}
		return nil, fmt.Errorf("load user %s: %w", id, err)
	}
	return &user, nil
}

func (s *Store) LoadTeam(ctx context.Context, id string) (*Team, error) {
	"""

_MAPPING = """\
export function toRow(order: Order): Row {
  return {
    id: String(order.id),
    customer: order.customer.name.trim(),
    placed: order.placedAt.toISOString(),
    total: formatMoney(order.total, order.currency),
    status: order.status.toLowerCase(),
  };
}

export function fromRow(row: Row): Order {
  return {
    id: Number(row.id),
    customer: findCustomer(row.customer),
    placedAt: new Date(row.placed),
    total: parseMoney(row.total),
    status: row.status.toUpperCase(),
  };
}

export function toInvoiceRow(invoice: Invoice): Row {
  """

_SETTINGS = """\
    parser.add_argument("--host", type=str, default="localhost", help="The name of the host to connect to.")
    parser.add_argument("--port", type=int, default=8080, help="The number of the port to connect to.")
    parser.add_argument("--user", type=str, default="admin", help="The name of the user to connect as.")
    parser.add_argument("--timeout", type=float, default=5.0, help="The number of seconds to wait for an answer.")
    """

REPEATING = tuple(
    Case(name, InfillRequest(prefix=prefix, suffix="\n", place=CaretPlace.FRESH_LINE))
    for name, prefix in (
        ("renaming", _RENAMED),
        ("boilerplate tests", _TESTS),
        ("similar function", _SIMILAR),
        ("similar mapping", _MAPPING),
        ("lines of settings", _SETTINGS),
    )
)


def ordinary(folder: Path, count: int, seed: int = 0) -> list[Case]:
    """``count`` places at the beginning of a line's text in the Python files below ``folder``; the line is left out."""
    choice = random.Random(seed)
    files = sorted(file for file in folder.rglob("*.py") if file.stat().st_size > 2000)
    cases = []
    for file in choice.sample(files, min(count, len(files))):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        usable = [at for at in range(len(lines) // 3, len(lines) - 5) if len(lines[at].strip()) >= 20]
        if not usable:
            continue
        at = choice.choice(usable)
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        request = InfillRequest(
            prefix="".join(lines[:at]) + indent,
            suffix="\n" + "".join(lines[at + 1 :]),
            place=CaretPlace.FRESH_LINE,
        )
        cases.append(Case(f"{file.name}:{at + 1}", request))
    return cases
