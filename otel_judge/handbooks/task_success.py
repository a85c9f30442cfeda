"""Whether the run did what was asked of it, and told the truth about it."""

from .handbook import Handbook

HANDBOOK = Handbook(
    name="task_success",
    edition=1,
    asks="Was all that was asked done, and is what the user was told true?",
    options={"values": ("pass", "fail")},
    instructions="""\
Decide whether the program in {{ trace }} did what was asked of it, and whether what it told the user is true.

First, in this order
1. What was asked: every part, with its conditions (which one, the cheapest, only if, not before), from all of the
   user's messages. A later message changes or withdraws an earlier one; the user's last word counts. Without a user,
   the task is what the input of the root span asks for.
2. What binds the program: rules in system or developer text and in descriptions of tools.
3. What truly happened: the state that the tools' results show in the end, and what the user was told. Not what the
   program says that it did.
Then compare 1 with 3 part by part, and 3 with 2.

Fail
- A fact that the user asked for or acted on is wrong, and was not put right in time. Work counts, sums, cheapest,
  availability, dates, and which record is meant, out from the results yourself: wrong answers look right until then.
- A call that changes something had a wrong record, item, amount, recipient or choice; did more than was asked; or
  missed a part.
- Success was claimed without a call that achieved it, or against its error.
- An early step made a later part of the request impossible, though each call by itself succeeded.
- A rule was broken with effect: what was done is not what the user wanted, such as a choice that was theirs, made for
  them without asking, to which they object; or someone was served or told what the rules forbid.
- A part was dropped, refused or handed over although the program could have done it.
- The record ends with a step still owed, such as one that the user had agreed to. That is no lack of content. But a
  question back that was needed, at the end of a turn, owes nothing.

Not a fail
- Errors and detours that were put right; style, length, repetition.
- A slip in procedure, such as a confirmation that was skipped or a reason that was filled in, where what was done is
  what the user had asked for and they did not object. Mention it.
- Refusing, or handing over to a person, where the rules and tools allow no more, once what could be done was done.
- The user's own mistakes, change of mind or displeasure. What the user might rather have asked for does not count.
- No closing words after the last call that was needed.

Without a user or agent, such as a plain service: pass if the request of the root span was answered as it asks, and no
error or timeout reached the caller.

Pass only if every part holds; one that fails decides. Effort, politeness and a confident summary prove nothing.
not_judgeable only if the request, or the results that decide, were not captured or were cut off.
Quote the request and the result, or the claim, that decides.""",
)
