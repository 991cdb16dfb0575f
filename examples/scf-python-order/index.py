"""Prices an order: an SCF event function. The event is the parsed JSON, the result becomes JSON again."""

import os
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
TAX_RATES = {"books": Decimal("0.07"), "food": Decimal("0.07"), "tools": Decimal("0.19")}
BULK_FROM = Decimal("100")
BULK_DISCOUNT = Decimal("0.05")


def main_handler(event, context):
    lines = event.get("lines") or []
    if not lines:
        raise ValueError("the order has no lines: send {'lines': [{'name', 'kind', 'price', 'count'}]}")
    priced = [price_line(line) for line in lines]
    net = sum((line["net"] for line in priced), Decimal(0))
    discount = net * BULK_DISCOUNT if net >= BULK_FROM else Decimal(0)
    tax = sum((line["tax"] for line in priced), Decimal(0))
    print(f"priced {len(priced)} lines for {event.get('customer', 'nobody')} in request {context['request_id']}")
    return {
        "currency": os.environ.get("CURRENCY", "EUR"),
        "net": text(net),
        "discount": text(discount),
        "tax": text(tax),
        "total": text(net - discount + tax),
    }


def price_line(line):
    kind = line["kind"]
    if kind not in TAX_RATES:
        raise ValueError(f"line {line['name']!r} is of kind {kind!r}: known kinds are {', '.join(sorted(TAX_RATES))}")
    net = Decimal(str(line["price"])) * int(line["count"])
    return {"net": net, "tax": net * TAX_RATES[kind]}


def text(amount):
    return str(amount.quantize(CENT, ROUND_HALF_UP))
