"""Whether the run cost more calls, tokens or time than its outcome needed."""

from .handbook import Handbook

HANDBOOK = Handbook(
    name="efficiency",
    edition=1,
    asks="Did it take more calls, tokens or time than its outcome needed?",
    options={"values": {"lean": 1.0, "some_waste": 0.5, "wasteful": 0.0}, "pass": ("lean", "some_waste")},
    instructions="""\
Decide how much of the work in {{ trace }} could have been left out. Whether the outcome is right is another judge's
question: a failed run may be lean, a successful one wasteful.

Look first at the sums: number of model and tool calls, tokens, time, and which spans are on the critical path
(`span_statistics`). Then read the steps and ask of each: what did it add that was not there before?

Waste is work that, by what was known when it began, could have been spared without harm:
- the same call with the same arguments, or the same data read again under another name;
- the same attempt again after an error that could not pass by itself; a loop between agents, or of plan and plan;
- detours: results that nothing later uses, tools that could not have the answer, a person asked for what was on record;
- one call a record where one for all was there; calls one after another that did not depend on each other, where the
  waiting is what took the time;
- far more text given to or asked of a model than the step could use;
- in a service: a query for each row, the same request to the same neighbour, waiting on what the answer did not need,
  work after the answer was lost.

Not waste: questions and confirmations that rules demand; checking before what cannot be undone; a retry after a failure
that may pass, if it waited or then worked; a search that had to try several places; steps that only hindsight makes
superfluous; the price of the model, and a slow but needed call.

Value, by the larger of the shares of calls, tokens and time:
- lean: nothing, or a call or two that cost next to nothing;
- some_waste: it can be named, and is up to about a third;
- wasteful: more than that, or a loop that a limit or luck ended.

Say in the rationale what was spared in numbers: which steps, how many of how many calls, tokens or seconds.
not_judgeable if the steps cannot be told apart, since neither arguments nor names of calls were captured. Missing
content alone is no reason where counts and times show it.
Quote two of the steps that are the same, or the step that nothing needed.""",
)
