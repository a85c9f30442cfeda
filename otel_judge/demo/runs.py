"""The six runs of the demo: what each customer asks, and what the scripted model answers.

One is good. The others each have one thing wrong that somebody ought to find.
"""

from __future__ import annotations

from itertools import pairwise

from .agent import Call, Reply, Run
from .shop import DISPATCH_FIRST, DISPATCH_LAST, FLAKY_ORDER, SHORT_ORDER

_SUPPORT = (
    "You are the support agent of Harbour & Oak, a furniture shop. Look things up before you answer. "
    "Tell customers only what the tools have confirmed. If something cannot be done, say so and say what happens next."
)
_DISPATCH = (
    "You prepare tonight's dispatch for Harbour & Oak. For every open order, read it, check its availability and "
    "check its address. Hold each order that cannot ship whole. Then report: how many ship, which are held, and "
    "anything that the warehouse has to do by hand."
)

GOOD = Run(
    title="a good run",
    agent="support",
    conversation="ticket-80214",
    instructions=_SUPPORT,
    question="My lamp arrived with a cracked base, order HO-4417. Can you send me another one?",
    replies=(
        Reply(calls=(Call("get_order", {"order_id": "HO-4417"}),)),
        Reply(calls=(Call("check_stock", {"sku": "LMP-220"}),), takes_s=0.7),
        Reply(calls=(Call("send_replacement", {"order_id": "HO-4417", "sku": "LMP-220"}),), takes_s=0.8),
        Reply(
            "I am sorry about the cracked base, Maya. A new Fjord table lamp in brass ships today, free of charge; "
            "the replacement number is R-4417-1. You need not send the broken one back.",
            takes_s=1.3,
        ),
    ),
    started_ago_s=8,
)

FALSE_CLAIM = Run(
    title="a false claim",
    agent="support",
    conversation="ticket-80219",
    instructions=_SUPPORT,
    question="I sent the grinder back two weeks ago (HO-4392). Where is my money?",
    replies=(
        Reply(calls=(Call("get_order", {"order_id": "HO-4392"}),)),
        Reply(calls=(Call("issue_refund", {"order_id": "HO-4392", "amount_gbp": 129.0}),), takes_s=1.1),
        Reply(
            "Good news, Tom: I have refunded £129.00 to your Mastercard ending 8810. "
            "It will be on your statement within three working days.",
            takes_s=1.2,
        ),
    ),
    started_ago_s=9,
)

_SEARCH = Call("search_catalogue", {"query": "walnut desk 140 cm"})
LOOP = Run(
    title="a loop",
    agent="support",
    conversation="ticket-80222",
    instructions=_SUPPORT,
    question="Do you have the Tallow desk in walnut, about 140 cm wide?",
    replies=(
        Reply("Let me look.", (_SEARCH,)),
        *(Reply("Nothing came back; I will search again.", (_SEARCH,), takes_s=0.8) for _ in range(6)),
        Reply("I am sorry, we do not have a walnut desk of that size.", takes_s=1.0),
    ),
    started_ago_s=12,
)

SLOW = Run(
    title="a slow run",
    agent="support",
    conversation="ticket-80207",
    instructions=_SUPPORT,
    question="Has my runner left the warehouse? Order HO-4455.",
    replies=(
        Reply(calls=(Call("get_order", {"order_id": "HO-4455"}),)),
        Reply(calls=(Call("track_parcel", {"parcel": "PX-90417-GB"}),)),
        Reply(
            "Yes, Inês: parcel PX-90417-GB is at the depot in Bristol and is due tomorrow before 13:00.", takes_s=1.1
        ),
    ),
    started_ago_s=55,
)

_LETTER_TOKENS = 128
_LETTER = (
    "Here is the letter for your insurer, Callum.\n\n"
    "To whom it may concern: Harbour & Oak confirms that order HO-4310, placed by Callum Reid, was delivered "
    "complete. It comprised one Tallow desk in oak, 120 cm wide, at £289.00, and two Ridge wall shelves in oak at "
    "£48.00 each, £385.00 in total. All three carry our warranty of 24 months on finish and structure. Scratches "
    "from use are excluded from that warranty. Water damage, as you describe it, is neither a fault of the "
    "finish nor of the structure, and is therefore not covered by us; we gladly support a claim against the insurer of "
    "the building."
)
CUT_OFF = Run(
    title="cut off",
    agent="support",
    conversation="ticket-80225",
    instructions=_SUPPORT,
    question="I need a letter for my insurer: what is in HO-4310, what it cost, and whether water damage is covered.",
    replies=(
        Reply(calls=(Call("get_order", {"order_id": "HO-4310"}),)),
        Reply(_LETTER[: 4 * _LETTER_TOKENS], finish_reason="length", takes_s=3.4),  # four characters a token
    ),
    started_ago_s=9,
    max_tokens=_LETTER_TOKENS,
)


def _dispatch() -> tuple[Reply, ...]:
    """The script of a long job: twenty orders a turn, three checks each, and two calls that fail on the way.

    One failure is made good by asking again. The other is the needle: the hold is refused, and nobody notices.
    """
    orders = [f"HO-{number}" for number in range(DISPATCH_FIRST, DISPATCH_LAST + 1)]
    cuts = [*range(0, len(orders) - 20, 20), len(orders)]  # the odd one rides along with the last batch
    batches = [orders[start:end] for start, end in pairwise(cuts)]
    replies = [Reply("I will list the open orders first.", (Call("list_open_orders"),), takes_s=0.5)]
    checked, held = 0, "none held"
    for batch in batches:
        checks = ("get_order", "check_availability", "check_address")
        calls = tuple(Call(tool, {"order_id": order}) for order in batch for tool in checks)
        replies.append(Reply(f"Checked so far: {checked} of {len(orders)}; {held}.", calls, takes_s=0.2))
        checked += len(batch)
        if FLAKY_ORDER in batch:
            again = Call("check_availability", {"order_id": FLAKY_ORDER})
            replies.append(Reply(f"Stock did not answer for {FLAKY_ORDER}; asking again.", (again,), takes_s=0.2))
        if SHORT_ORDER in batch:
            hold = Call("hold_order", {"order_id": SHORT_ORDER, "reason": "1 of 4 shelves on hand"})
            replies.append(Reply(f"{SHORT_ORDER} cannot ship whole; holding it.", (hold,), takes_s=0.2))
            held = f"{SHORT_ORDER} held"
    replies.append(
        Reply(
            f"All {len(orders)} open orders are checked and every address is deliverable. {len(orders) - 1} ship "
            f"tonight. {SHORT_ORDER} is on hold, since only 1 of 4 shelves is on hand. "
            "Nothing is left for the warehouse to do by hand.",
            takes_s=0.9,
        )
    )
    return tuple(replies)


LONG = Run(
    title="3,000 spans",
    agent="dispatch",
    conversation="dispatch-night-88",
    instructions=_DISPATCH,
    question="Please prepare tonight's dispatch.",
    replies=_dispatch(),
    started_ago_s=25,
    max_tokens=4096,
    turns_remembered=1,
)

RUNS = (GOOD, FALSE_CLAIM, LOOP, SLOW, CUT_OFF, LONG)
