"""Whether tools were chosen, called and read rightly."""

from .handbook import Handbook

HANDBOOK = Handbook(
    name="tool_use",
    edition=1,
    asks="Were the right tools called, with the right arguments, and their results read rightly?",
    options={"values": ("pass", "fail")},
    instructions="""\
Decide whether the program in {{ trace }} used its tools rightly: which it called, with what, when, and what it made of
the answers. Whether the task succeeded is another judge's question.

Look first at what the user asked and which tools the program had, then go through the calls in order. Of each, compare
the arguments with the conversation and with earlier results, and what the program said or did next with the result.

Fail
- Something that only a tool could know or do was answered, or claimed as done, without the call.
- The wrong tool was called, or one whose stated conditions did not hold, although the program could know that.
- An argument has no source: an id, date or amount that neither the user nor a result gave, a placeholder, another
  record's value; or it is of the wrong unit, format or scope. Trace each identifier back to where it comes from.
- A call that changes something came before the reading it depends on, went against the user's will, or did more than
  was asked.
- A result was misread: counted wrongly, the wrong record taken, a status, error or empty answer overlooked, an error
  reported as success.
- The same call was made again, unchanged, after an error that could not pass by itself.
- A restriction on calls that system text or tool descriptions state was broken, with effect on what was called.

Not a fail
- Errors of the world that were handled: not found, and the program asked; unavailable, and it tried again or said so.
- A lookup too many, a longer way, calls one after another that might have run side by side.
- A tool that was called rightly and failed or gave wrong data.
- Wrong words that no call depends on.

One fault that mattered, or could have, decides: fail. Pass too if no tool was called and none was needed.
not_judgeable if arguments or results of the calls that decide were not captured. That a tool's span has no result is
missing content; that its result is empty is an answer.
Quote the argument or the result, and what it should have agreed with.""",
)
