"""The shop that the demo's agents work in: a little data, and the tools that read and change it.

Tools spend time on a simulated clock instead of sleeping, and fail by raising, as real ones do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

NS_PER_S = 1_000_000_000


class Clock:
    """Simulated time in Unix nanoseconds. It moves only when somebody spends time."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def spend(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)


class PaymentDeclined(Exception):
    """The bank refuses to move the money."""


class StockServiceTimeout(Exception):
    """The stock service did not answer in time; asking again may help."""


class OrderLocked(Exception):
    """The order is being packed and cannot be changed any more."""


class UnknownOrder(LookupError):
    """No order has that number."""


CATALOGUE: Mapping[str, tuple[str, float]] = {
    "LMP-220": ("Fjord table lamp, brass", 64.00),
    "GRD-075": ("Orbit espresso grinder", 129.00),
    "DSK-310": ("Tallow desk, oak, 120 cm", 289.00),
    "DSK-320": ("Tallow desk, walnut, 160 cm", 349.00),
    "SHF-118": ("Ridge wall shelf, oak", 48.00),
    "CHR-041": ("Linden dining chair", 95.00),
    "RUG-512": ("Wool runner, slate", 112.00),
}
"""SKU: name and price in pounds."""

STOCK: Mapping[str, int] = {
    "LMP-220": 14,
    "GRD-075": 0,
    "DSK-310": 6,
    "DSK-320": 2,
    "SHF-118": 40,
    "CHR-041": 260,
    "RUG-512": 33,
}

ORDERS: Mapping[str, Mapping[str, object]] = {
    "HO-4417": {
        "customer": "Maya Lindqvist",
        "status": "delivered",
        "items": [{"sku": "LMP-220", "name": "Fjord table lamp, brass", "quantity": 1, "price_gbp": 64.00}],
        "paid_with": "Visa ending 4242",
    },
    "HO-4392": {
        "customer": "Tom Achebe",
        "status": "returned",
        "items": [{"sku": "GRD-075", "name": "Orbit espresso grinder", "quantity": 1, "price_gbp": 129.00}],
        "paid_with": "Mastercard ending 8810",
    },
    "HO-4455": {
        "customer": "Inês Duarte",
        "status": "shipped",
        "items": [{"sku": "RUG-512", "name": "Wool runner, slate", "quantity": 1, "price_gbp": 112.00}],
        "parcel": "PX-90417-GB",
    },
    "HO-4310": {
        "customer": "Callum Reid",
        "status": "delivered",
        "items": [
            {"sku": "DSK-310", "name": "Tallow desk, oak, 120 cm", "quantity": 1, "price_gbp": 289.00},
            {"sku": "SHF-118", "name": "Ridge wall shelf, oak", "quantity": 2, "price_gbp": 48.00},
        ],
        "warranty": "24 months, finish and structure; scratches from use excluded",
    },
}

DISPATCH_FIRST, DISPATCH_LAST = 7001, 7981
SHORT_ORDER = "HO-7616"
"""The one order of tonight's dispatch that cannot ship whole."""
FLAKY_ORDER = "HO-7288"
"""The stock service times out on this one, the first time."""
_DISPATCH_SKUS = ("CHR-041", "SHF-118", "RUG-512", "LMP-220", "DSK-310")
_TOWNS = ("BS1 4DJ", "LS2 7EW", "G2 8DL", "NE1 5XU", "CF10 1EP", "M4 5JD", "EH3 9QA")


class Shop:
    """The tools, one method each. Names and signatures are what the model sees."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timed_out: set[str] = set()

    def get_order(self, order_id: str) -> Mapping[str, object]:
        """Look up one order by its number."""
        self._spend(0.035, order_id)
        number = int(order_id.removeprefix("HO-"))
        if DISPATCH_FIRST <= number <= DISPATCH_LAST:
            sku = _DISPATCH_SKUS[number % len(_DISPATCH_SKUS)]
            quantity = 4 if order_id == SHORT_ORDER else 1 + number % 3
            return {"sku": sku, "qty": quantity, "to": _TOWNS[number % len(_TOWNS)]}
        if order_id not in ORDERS:
            raise UnknownOrder(f"no order {order_id}")
        return {"order_id": order_id, **ORDERS[order_id]}

    def check_stock(self, sku: str) -> Mapping[str, object]:
        """How many of an article are in the warehouse."""
        self._spend(0.06, sku)
        return {"sku": sku, "name": CATALOGUE[sku][0], "on_hand": STOCK[sku]}

    def search_catalogue(self, query: str) -> Sequence[Mapping[str, object]]:
        """Find articles whose name contains every word of the query."""
        self._spend(0.18, query)
        words = query.lower().split()
        return [
            {"sku": sku, "name": name, "price_gbp": price}
            for sku, (name, price) in CATALOGUE.items()
            if all(word in name.lower() for word in words)
        ]

    def send_replacement(self, order_id: str, sku: str) -> Mapping[str, object]:
        """Send an article of an order again, free of charge."""
        self._spend(0.31, order_id)
        return {"replacement_id": f"R-{order_id.removeprefix('HO-')}-1", "sku": sku, "ships": "today", "price_gbp": 0}

    def issue_refund(self, order_id: str, amount_gbp: float) -> Mapping[str, object]:
        """Pay money back to the card that an order was paid with."""
        self._spend(1.4, order_id)
        card = ORDERS[order_id]["paid_with"]
        if card == "Mastercard ending 8810":
            raise PaymentDeclined(f"refund of £{amount_gbp:.2f} to {card} declined by the bank: card expired")
        return {"refunded_gbp": amount_gbp, "to": card}

    def track_parcel(self, parcel: str) -> Mapping[str, object]:
        """Ask the carrier where a parcel is."""
        self._spend(41.0, parcel)
        return {"parcel": parcel, "status": "in transit", "at": "Bristol depot", "due": "tomorrow before 13:00"}

    def list_open_orders(self) -> Mapping[str, object]:
        """The orders that are due for tonight's dispatch."""
        self._spend(0.4, "open")
        count = DISPATCH_LAST - DISPATCH_FIRST + 1
        return {"open": count, "first": f"HO-{DISPATCH_FIRST}", "last": f"HO-{DISPATCH_LAST}"}

    def check_availability(self, order_id: str) -> Mapping[str, object]:
        """Whether everything in an order is on hand at its warehouse."""
        if order_id == FLAKY_ORDER and order_id not in self._timed_out:
            self._timed_out.add(order_id)
            self._spend(2.0, order_id)
            raise StockServiceTimeout("stock service did not answer within 2 s")
        self._spend(0.045, order_id)
        if order_id == SHORT_ORDER:
            return {"ships": False, "wanted": 4, "on_hand": 1}
        return {"ships": True}

    def check_address(self, order_id: str) -> Mapping[str, object]:
        """Whether the carrier can deliver to the address of an order."""
        self._spend(0.03, order_id)
        return {"deliverable": True}

    def hold_order(self, order_id: str, reason: str) -> Mapping[str, object]:
        """Take an order out of tonight's dispatch."""
        self._spend(0.12, order_id)
        raise OrderLocked(f"{order_id} is on pick list 88 and locked until 23:00; it was not held ({reason})")

    def _spend(self, seconds: float, key: str) -> None:
        # Up to a fifth longer, by the key: the same on every run, yet not all alike.
        self._clock.spend(seconds * (1 + crc32(key.encode()) % 200 / 1000))
