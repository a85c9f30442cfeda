"""One server under measurement, in a process of its own: `python -m bench.ingest_server bare|grpc|http [CPU]`.

It prints its endpoint. For each line on stdin it prints the CPU seconds that the process has used, user and system.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time

from otel_judge.config import IndexConfig
from otel_judge.config_receivers import GrpcReceiver, HttpReceiver
from otel_judge.index import Index
from otel_judge.receive import Intake
from otel_judge.receive.grpc import GrpcServer
from otel_judge.receive.http import HttpServer

from .bare_server import start_bare


async def start_ours(kind: str) -> str:
    """Receive and index as the service has them; nothing is polled, so that all is kept as it is by the bare one."""
    index = Index(IndexConfig(max_mib=1_000_000))

    def sink(intake: Intake) -> None:
        index.add(intake.fragments, tenant=None, now=time.monotonic())

    if kind == "http":
        return await HttpServer(HttpReceiver(endpoint="127.0.0.1:0"), sink).start()
    return await GrpcServer(GrpcReceiver(endpoint="127.0.0.1:0"), sink).start()


async def main(kind: str, cpu: int | None) -> None:
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    print(await (start_bare() if kind == "bare" else start_ours(kind)), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime + used.ru_stime, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
