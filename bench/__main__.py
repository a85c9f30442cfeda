"""All figures, one after another: `python -m bench`."""

from __future__ import annotations

from . import ingest, judging, latency, needle, redaction, startup, tools, trajectory


def main() -> None:
    for bench in (startup, latency, ingest, tools, trajectory, redaction, needle, judging):
        print(f"\n== {bench.__name__.removeprefix('bench.')}")
        bench.main()


if __name__ == "__main__":
    main()
