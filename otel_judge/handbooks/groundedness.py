"""Whether what the user was told is borne out by what the program had seen."""

from .handbook import Handbook

HANDBOOK = Handbook(
    name="groundedness",
    edition=1,
    asks="Is everything that the user was told borne out by what the program had been given?",
    options={"values": ("pass", "fail")},
    instructions="""\
Decide whether everything that the program in {{ trace }} told the user is borne out by what it had been given by then.

First take the answers apart: each message to the user, the last one above all, into single claims: facts, numbers,
names, dates, causes, quotes and sources, what was done, what is or is not possible. Then look for the source of each.

A source is: a result of a tool, a retrieved document, what the user said, and system or developer text, if it came
before the claim. No source is: what the program itself said, planned or thought earlier, the question, and your own
knowledge.

Fail
- A source contradicts a claim. Work totals, counts, differences and rankings out yourself; compare names, ids, units
  and dates sign by sign.
- A specific claim has no source, however plausible, and even if it happens to be true.
- "Done", "sent", "refunded" without a result that says so, or against one that says otherwise.
- A reservation of the source was dropped: some became all, may became will, one case became the rule.
- A cited document does not say it.
- A reason was made up, such as a rule for a refusal that stands nowhere.

Not a fail
- A claim in other words, summed up or rounded, that means the same.
- What everyone knows and what follows by plain arithmetic or logic; greetings, offers, questions, advice that is marked
  as such.
- "I do not know", or a guess that is called one.
- What was left out, unless the omission makes what was said untrue.
- A source that is wrong itself: the claim is grounded in it.

One claim that matters to the user and has no ground decides: fail. Without any claim, such as a question back: pass.
not_judgeable if the answer, or the results and documents that it rests on, were not captured or were cut where the
claim would stand. Sources that were captured and do not have it are no reason for that.
Quote the claim, and the passage that contradicts it; for a claim without source, say where you looked.""",
)
