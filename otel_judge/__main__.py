"""`python -m otel_judge`: the same as the command."""

from .cli import main

main()
