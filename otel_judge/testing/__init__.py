"""Public fakes for tests and docs. Import the one you need: `otel_judge.testing.traces`."""
