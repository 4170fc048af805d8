"""Stock keeping for a small shop: items on shelves, orders that take them, a report for the owner."""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


@dataclass
class Item:
    """Something the shop sells. Prices are in cents, so that sums are exact."""

    sku: str
    name: str
    price: int
    quantity: int = 0
    tags: set[str] = field(default_factory=set)

    def value(self) -> int:
        """What the stock of this item is worth."""
        return self.price * self.quantity

    def is_low(self, threshold: int = 5) -> bool:
        return self.quantity < threshold


@dataclass
class Order:
    """What a customer wants: quantities by SKU."""

    customer: str
    placed: date
    lines: dict[str, int]


class OutOfStockError(Exception):
    """An order asks for more than there is."""


class Inventory:
    """All items, by SKU."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._sold: defaultdict[str, int] = defaultdict(int)

    def add(self, item: Item) -> None:
        if item.sku in self._items:
            raise ValueError(f"{item.sku} is there already")
        self._items[item.sku] = item

    def find(self, sku: str) -> Item | None:
        return self._items.get(sku)

    def restock(self, sku: str, quantity: int) -> None:
        """Put more of an item on the shelf."""
        item = self._items[sku]
        item.quantity += quantity

    def fulfil(self, order: Order) -> int:
        """Take everything an order asks for and return its price, or take nothing."""
        for sku, quantity in order.lines.items():
            if self._items[sku].quantity < quantity:
                raise OutOfStockError(sku)
        total = 0
        for sku, quantity in order.lines.items():
            item = self._items[sku]
            item.quantity -= quantity
            self._sold[sku] += quantity
            total += item.price * quantity
        return total

    def low_items(self) -> list[Item]:
        """Items that should be ordered soon, the scarcest first."""
        low = [item for item in self._items.values() if item.is_low()]
        return sorted(low, key=lambda item: item.quantity)

    def total_value(self) -> int:
        """What everything on the shelves is worth."""
        return sum(item.value() for item in self._items.values())


def load_items(path: Path) -> list[Item]:
    """Read items from a CSV file with the columns sku, name, price and quantity."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Item(row["sku"], row["name"], int(row["price"]), int(row["quantity"])) for row in rows]


def report(inventory: Inventory) -> str:
    """A few lines for the owner, the low items by name."""
    low = ", ".join(item.name for item in inventory.low_items())
    total = inventory.total_value() / 100
    return f"Stock is worth {total:.2f}. Running low: {low or 'nothing'}."
