"""All figures, one after another: `python -m bench`."""

from __future__ import annotations

from . import agreement, ingest, judging, latency, needle, redaction, run, sources, startup, tools, trajectory


def main() -> None:
    for bench in (startup, latency, ingest, sources, run, tools, trajectory, redaction, needle, judging, agreement):
        print(f"\n== {bench.__name__.removeprefix('bench.')}")
        bench.main()


if __name__ == "__main__":
    main()
