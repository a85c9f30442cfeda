"""The judge's API in Python, as users of MLflow and AG2 know it: judges and scorers as objects that are called.

    running         the loop that asks models, on a thread of its own
    case            what is graded
    scorer          what every scorer is; `@scorer` makes one of a function
    model_judge     a scorer that asks a model; `make_judge` and `agent_judge` build one
    models          the model that a caller names, in our words or AG2's
    pairwise        two answers compared, in both orders
    threshold       a number as pass or fail
    deterministic   scorers in code, on trajectories of any dialect
    loading         `python: module:name` of the config

`otel_judge` exports what users touch, each imported when it is first used.
"""
