"""Emit: Feedback and decisions as OTLP, fixed as bytes once, stored before the first try, sent until accepted.

    settings   where to send, and that it is not our own receiver
    place      where in the judged trace a score span sits
    encode     Feedback -> the bytes of a span and a log record
    outbox     what waits to be accepted
    transport  one request -> Accepted | Partial | Retry | Permanent | Unsupported; `transports` has gRPC and HTTP
    emitter    the tasks that carry the one to the other
    printing   the same interface where there is no backend
    own_spans  the judge's own trace, on the same way out

Another room or a composition needs `sink.Sink`, `settings.resolve`, `emitter.Emitter`, `printing.Printer` and
`own_spans`.
"""
