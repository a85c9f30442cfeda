"""OTLP in: request bytes become accepted spans and a count of rejected ones.

`decode` splits a request by trace, `accept` hands the pieces over, `grpc` and `http` are the servers.
"""
