"""The service: receive -> index -> check -> sample -> judge -> emit, with health beside it and a drain at the end.

One event loop takes requests, finishes traces and sends feedback; grading runs in worker processes. What is
full pushes back: workers without room leave finished traces in the index, and a full index refuses requests with a
retryable code.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from .admin import admin_app, health_app
from .config import Config, MemoryLimiterConfig
from .errors import ConfigError
from .http_server import HttpServer
from .index import Index
from .label import Label
from .memory import MemoryLimiter, rss_bytes
from .metrics import INDEX_BYTES, INDEX_SPANS, MEMORY, QUEUE_CAPACITY, QUEUE_OLDEST, QUEUE_SIZE, SESSIONS
from .outlet import Outlet
from .receive.accept import LogAcceptor, RefusalReason
from .receive.decode import Intake
from .receive.decode_logs import LogIntake
from .receive.grpc import GrpcServer
from .receive.http import HttpServer as OtlpHttpServer
from .receive.origins import OriginTable
from .relief import Relief
from .telemetry import Telemetry
from .trace import Trace
from .workers.launch import Launched, hang_up
from .workers.pool import QUEUE_TRACES, WorkerPool

logger = logging.getLogger(__name__)

TICK_S = 0.1  # how often finished traces are looked for
STOP_RECEIVING_S = 2.0  # for requests under way when the service stops
DRAIN_S = 20.0  # for judgements under way; a pod has 30 s until it is killed
FLUSH_S = 5.0  # for feedback that waits for the backend
SAY_LATE_S = 60.0  # between two log lines about late spans


async def serve(config: Config, launched: Sequence[Launched] = ()) -> None:
    """Runs the service until SIGTERM or SIGINT. Raises `OtelJudgeError` for what cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Service(config, launched) as service:
        for what, where in service.endpoints.items():
            logger.info("%s at %s", what, where)
        logger.info("ready")
        await stop.wait()
        logger.info("stopping; what is buffered is finished and sent first")
    logger.info("stopped")


class Service:
    """The running service, an async context manager: entering starts every part or none, leaving drains."""

    def __init__(self, config: Config, launched: Sequence[Launched] = ()) -> None:
        """`launched` are the config's worker processes, where they were launched already."""
        self._config = config
        self._launched = launched
        self._stack = AsyncExitStack()
        self._index = Index(config.index)
        self._relief: Relief | None = None
        self._look_s = config.memory_limiter.check_interval if config.memory_limiter is not None else 0.0
        self._look_at = 0.0
        self._not_ready: str | None = "starting"
        self._flush_s = FLUSH_S
        self._late = 0
        self._say_late_at = 0.0
        self.endpoints: dict[str, str] = {}
        """What listens where, known once entered."""

    async def __aenter__(self) -> Service:
        try:
            await self._start()
        except BaseException:
            self._flush_s = 0.0  # there is nothing to send yet: say at once what is wrong
            await self._stack.aclose()
            raise
        self._not_ready = None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._not_ready = "stopping"
        await self._stack.aclose()

    async def _start(self) -> None:
        """Starts from the end of the pipe to its beginning; the stack stops in the opposite order."""
        self._stack.callback(hang_up, self._launched)
        config = self._config
        self._telemetry = Telemetry()
        outlet = await Outlet.open(config, self._telemetry, receivers=config.receivers)
        self._stack.push_async_callback(lambda: outlet.close(self._flush_s))
        self._workers = WorkerPool(config, outlet, self._telemetry, self._index.get)
        self._stack.push_async_callback(self._workers.close)
        await self._workers.start(self._launched)
        if config.memory_limiter is not None:
            self._relief = self._limit(config.memory_limiter)
        self._observe()

        health = HttpServer(
            health_app(ready=lambda: self._not_ready, metrics=self._telemetry.render),
            config.health.endpoint,
            key="health",
        )
        index = self._index
        answers = admin_app(index.get, index.retained_ids, index.labels, outlet.receipts.of, auth=config.admin.auth)
        admin = HttpServer(answers, config.admin.endpoint, key="admin", tls=config.admin.tls)
        for name, server in (("health", health), ("admin", admin)):
            await server.start()
            self._stack.push_async_callback(server.stop, STOP_RECEIVING_S)
            self.endpoints[name] = server.address
        self._stack.push_async_callback(self._drain)
        finisher = asyncio.create_task(self._finish_traces())
        self._stack.callback(finisher.cancel)
        await self._start_receivers()

    async def _start_receivers(self) -> None:
        protocols = self._config.receivers.otlp.protocols
        origins = OriginTable()
        servers: list[tuple[str, GrpcServer | OtlpHttpServer]] = []
        if protocols.grpc is not None:
            server = GrpcServer(
                protocols.grpc,
                partial(self._take, "grpc"),
                refused=partial(self._refused, "grpc"),
                origins=origins,
                logs=self._log_acceptor("grpc"),
                tenants=self._config.tenants,
            )
            servers.append(("OTLP/gRPC", server))
        if protocols.http is not None:
            server = OtlpHttpServer(
                protocols.http,
                partial(self._take, "http"),
                refused=partial(self._refused, "http"),
                origins=origins,
                logs=self._log_acceptor("http"),
                tenants=self._config.tenants,
            )
            servers.append(("OTLP/HTTP", server))
        for name, server in servers:
            self.endpoints[name] = await server.start()
            self._stack.push_async_callback(server.stop, STOP_RECEIVING_S)

    def _limit(self, config: MemoryLimiterConfig) -> Relief:
        workers = self._workers
        limiter = MemoryLimiter(config, lambda: [os.getpid(), *workers.pids])
        if (used := limiter.used_bytes()) >= limiter.soft_bytes:
            raise ConfigError(
                "memory_limiter.limit_mib",
                f"{limiter.soft_bytes / 2**20:.0f} MiB is all that may be used before memory counts as short, and the "
                f"processes take {used / 2**20:.0f} MiB before anything has come",
                "raise the limit, or lower judge_workers",
            )
        return Relief(limiter, self._index, workers=lambda: workers.pids, end_worker=workers.end)

    def _take(self, transport: str, intake: Intake) -> None:
        if self._relief is not None:
            self._relief.admit()
        added = self._index.add(intake.fragments, tenant=intake.tenant, now=time.monotonic())
        self._telemetry.accepted(intake.accepted, transport)
        if added.late:
            self._telemetry.late(added.late)
            self._say_late(added.late)
        self._label(intake.labels, intake.tenant)

    def _log_acceptor(self, transport: str) -> LogAcceptor:
        return LogAcceptor(partial(self._take_logs, transport), refused=partial(self._refused_logs, transport))

    def _take_logs(self, transport: str, intake: LogIntake) -> None:
        if self._relief is not None:
            self._relief.admit()
        added = self._index.add_events(intake.events, tenant=intake.tenant, now=time.monotonic())
        self._telemetry.accepted_log_records(intake.accepted, transport)
        self._telemetry.unused_log_records(intake.other, "other")
        self._telemetry.unused_log_records(added.late, "late")
        self._label(intake.labels, intake.tenant)

    def _label(self, labels: Sequence[Label], tenant: str | None) -> None:
        kept = self._index.label(labels, tenant)
        self._telemetry.labels(kept, "kept")
        self._telemetry.labels(len(labels) - kept, "unknown_trace")

    def _say_late(self, spans: int) -> None:
        """A trace was judged without these: worth a line, but not one for each request."""
        self._late += spans
        if time.monotonic() >= self._say_late_at:
            logger.warning(
                "%d spans came after their trace was judged and are ignored; a longer index.completion.root_grace "
                "waits for them",
                self._late,
            )
            self._late, self._say_late_at = 0, time.monotonic() + SAY_LATE_S

    def _refused(self, transport: str, spans: int, reason: RefusalReason) -> None:
        self._telemetry.refused(spans, transport)
        logger.debug("%d spans refused over %s: %s", spans, transport, reason)

    def _refused_logs(self, transport: str, records: int, reason: RefusalReason) -> None:
        self._telemetry.refused_log_records(records, transport)
        logger.debug("%d log records refused over %s: %s", records, transport, reason)

    async def _finish_traces(self) -> None:
        while True:
            if self._workers.has_room:
                self._submit(self._index.poll(time.monotonic()))
                self._workers.judge_resting()
            if self._relief is not None and time.monotonic() >= self._look_at:
                self._submit(self._relief.look(time.monotonic(), may_finish=self._workers.has_room))
                self._look_at = time.monotonic() + self._look_s
            await asyncio.sleep(TICK_S)

    def _submit(self, traces: list[Trace]) -> None:
        self._telemetry.unused_log_records(self._index.take_unjoined(), "no_span")
        for trace in traces:
            self._telemetry.completed(trace.completion)
            self._workers.submit(trace)

    async def _drain(self) -> None:
        """Finishes what is buffered, and gives checks and judges the time that there is."""
        self._submit(self._index.finish_all(time.monotonic()))
        await self._workers.drain(DRAIN_S)

    def _observe(self) -> None:
        index, workers, observe = self._index, self._workers, self._telemetry.observe
        observe(MEMORY, lambda: rss_bytes(os.getpid()), process="service")
        observe(MEMORY, lambda: sum(map(rss_bytes, workers.pids)), process="workers")
        observe(INDEX_SPANS, lambda: index.buffered_spans, state="buffered")
        observe(INDEX_BYTES, lambda: index.buffered_bytes, state="buffered")
        observe(INDEX_BYTES, lambda: index.retained_bytes, state="retained")
        if self._config.judges_sessions:
            observe(SESSIONS, lambda: workers.sessions.open, state="open")
            observe(SESSIONS, lambda: workers.sessions.lost, state="lost")
        observe(QUEUE_SIZE, lambda: workers.waiting, queue="check")
        observe(QUEUE_CAPACITY, lambda: QUEUE_TRACES, queue="check")
        observe(QUEUE_OLDEST, lambda: workers.oldest_s(checked=False), queue="check")
        observe(QUEUE_SIZE, lambda: workers.judging, queue="judge")
        observe(QUEUE_CAPACITY, lambda: workers.judging_capacity, queue="judge")
        observe(QUEUE_OLDEST, lambda: workers.oldest_s(checked=True), queue="judge")
