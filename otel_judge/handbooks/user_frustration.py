"""Whether the user became frustrated with the program, and whether that was put right."""

from .handbook import Handbook

HANDBOOK = Handbook(
    name="user_frustration",
    edition=1,
    asks="Did the user become frustrated with the program, and was that put right?",
    options={"values": ("none", "resolved", "unresolved"), "pass": ("none", "resolved")},
    instructions="""\
Decide whether the user in {{ trace }} was frustrated with the program, and if so, whether that was resolved.

Read the user's messages, all of them, in order; what the program said shows only what they answer to. Find the first
sign, if any, and then how it went on to the last message.

Signs
- Complaint about the program or its service: that it does not understand, is slow, wrong, useless, goes in circles.
- The same request again, word for word, louder, or in pieces, because the answer before did not meet it.
- "I already told you", "no, not that", corrections of what the program got wrong, for the second time or with edge.
- Anger, sarcasm or resignation that is aimed at the program; shouting; threats to leave; asking for a person because of
  how it goes; breaking off after an answer that did not help.

No signs
- A bad mood that was brought along, or anger at something else: a product, a delivery, a price. It counts from where it
  turns on the program, or plainly grows through it.
- Haste, short or blunt messages, bad spelling, jokes and exaggeration without an edge.
- A follow-up, a new wish, a change of mind, one plain correction.
- That the program apologises or says that it understands. That the task failed: a user may take that calmly.
- Words that a program or a test put in the user's place, where they show no feeling: take them as they stand.

Value
- none: no sign.
- resolved: there were signs, and later the user plainly accepted: thanks that mean it, agreement, or going on calmly
  after what was missing had been given.
- unresolved: the last that the user shows is a sign, or the conversation ends without what they wanted after signs.
Thanks out of politeness, with the matter still open, resolves nothing. In doubt between none and a sign, take none; in
doubt between resolved and unresolved, take unresolved.

not_judgeable if there is no message of a user: no person took part, or content was not captured.
Quote the sign, and for resolved the message that accepts.""",
)
