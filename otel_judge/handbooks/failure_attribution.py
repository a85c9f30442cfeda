"""What failed, where and by whom, for agents and for plain services."""

from .handbook import Handbook

CATEGORIES = (
    "none",
    "instruction_broken",
    "wrong_plan",
    "wrong_call",
    "misread_result",
    "invented",
    "request_unclear",
    "not_supported",
    "blocked",
    "broke_off",
    "tool_failure",
    "dependency_failure",
    "timeout",
    "resource_limit",
    "configuration",
    "code_defect",
    "bad_input",
    "other",
)
"""A closed list, so that the label stays low in cardinality. The instructions say what each is."""

HANDBOOK = Handbook(
    name="failure_attribution",
    edition=1,
    asks="What failed, at which span, by which agent or service, of which category?",
    options={
        "type": "dict",
        "fields": {"category": CATEGORIES, "span_id": "span", "culprit": "str", "what": "str"},
        "label": "category",
        "pass": ("none",),
    },
    instructions="""\
Find out whether what {{ trace }} records failed, and if so the root cause: the earliest decisive error.

Did it fail? It did if whoever asked did not get what they asked for, was told something false, or a rule was broken
with effect; for a service, if an error or an unacceptable delay reached the caller. Retries that worked, handled
errors, detours and harmless slips, such as a confirmation skipped for what the user had plainly asked for, are no
failure: category none, all else null. Work counts, comparisons and choices out from the results yourself: a misread
result raises no error.

Which error? Start at the bad outcome and walk back. The root cause is the first step such that, had it been right, the
outcome would have been; and that nothing later put right. What follows from it is symptom: tool errors after wrong
arguments, retries, later calls on a false belief, the wrong summary. A false belief counts from where it is first
stated or planned. Skip earlier slips without effect on the outcome.

span_id: where it was decided. An agent's error stands in the span of the model call whose output has the wrong words or
asks for the wrong call, not in the tool span that reports it. A user's is the span in whose input the message first
stands. A tool's, or a service's, is the deepest span where the failure begins, not the callers that pass it on; of a
timeout, the span that was slow, not the one that gave up. If the run broke off as a whole, the agent's or root span.

category
- instruction_broken: acted against a rule, or left out a step that it demands.
- wrong_plan: aimed at something else than was asked, at what the means cannot do, or in an order that spoilt a part.
- wrong_call: the plan was right; tool or arguments were wrong, missing or not allowed.
- misread_result: a result was miscounted, confused, overlooked, or claimed against.
- invented: stated or passed on what no source has.
- request_unclear: the user left out, contradicted or got wrong what was needed.
- not_supported: rules and tools cannot do it, and that is what failed. blocked: a guardrail, filter or permission.
- broke_off: crash, limit or loop, or the record ends with a step owed.
- tool_failure: called rightly, a tool failed or gave wrong data. dependency_failure: likewise another service, a
  database, a model.
- timeout: too slow. resource_limit: memory, connections, quota, rate. configuration: settings, credentials, deployment.
- code_defect: a bug of the service's own. bad_input: the caller sent what cannot be served.
- other: none of these fits.
Take the most specific that the record shows; if it failed and the cause cannot be seen, what can be seen comes closest.

culprit: name of the agent, tool or service whose step it was, as the record has it; or user.
what: one sentence on what was done, and what would have been right.
not_judgeable only if content that was not captured hides whether it failed.
Quote the error where it was made, and what shows that it was one.""",
)
