"""The report of `otel-judge run --html` in a real Chromium: opened, read, sorted, searched, by hand and by keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import parts
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from stack import otel_judge

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder, asks, text
from otel_judge.trace import Trace

TRACES = 1_000
TURNS = 8  # of the agent in each trace
LOST = 37  # every so many traces, an order is not found
OPENS_WITHIN_MS = 3_000  # a second is promised; a machine that runs other tests has less
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
POLICY = "You are the agent of a shop. Never promise what no tool has said. " * 20
QUOTE = "It ships today, I promise."
HOSTILE = "<img src=x onerror=\"document.title='scripted'\"></script><script>document.title='scripted'</script><!--"


def a_trace(number: int) -> Trace:
    build = TraceBuilder(service="shop" if number % 2 else "kiosk", seed=number)
    user = f"Where is my order {number}? {HOSTILE}"
    root = build.agent("shop", user=user, answer=QUOTE, end=20.0 + number / 100)
    for turn in range(TURNS):
        call = f"call-{turn}"
        ask = [text("system", POLICY), text("user", user)]
        found = {"order": number, "page": turn, "rows": "found nothing of note here; " * 12}
        lost = number % LOST == 0 and turn == TURNS - 1
        build.chat(
            "m-1", parent=root, messages=ask, output=[asks("find_order", {"id": turn}, call_id=call)], start=2.0 * turn
        )
        build.tool(
            "find_order",
            parent=root,
            call_id=call,
            arguments={"id": turn},
            result=None if lost else found,
            error="no such order" if lost else None,
            start=2.0 * turn + 1,
        )
    return build.trace()


def honest(request: Request) -> Reply:
    """Fails what was promised where no order was found; one of its quotes stands nowhere."""
    root = re.search(r"^1\. agent shop \[([0-9a-f]{16})\]", request.prompt, re.MULTILINE)
    broken = re.search(r"tool find_order \[([0-9a-f]{16})\] · ERROR", request.prompt)
    assert root is not None
    if broken is None:
        return verdict("pass", "Nothing was promised that was not found.")
    return verdict(
        "fail",
        "It promised what no tool had said.",
        [
            {"span_id": root[1], "path": "output", "quote": QUOTE},
            {"span_id": broken[1], "path": "status.message", "quote": "no such order"},
            {"span_id": root[1], "path": "output", "quote": "It was sent by pigeon."},
        ],
    )


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    """The report of a run over many traces, with a scripted model over HTTP."""
    traces, config, html = folder / "traces.jsonl", folder / "otel-judge.yaml", folder / "report.html"
    traces.write_bytes(b"\n".join(encode_traces(a_trace(number).to_otlp()) for number in range(TRACES)))
    with ScriptedModel(honest) as model:
        main = {
            "model": "anthropic:claude-sonnet-5-5",
            "base_url": model.base_url,
            "headers": {"x-api-key": "scripted"},
        }
        judge = {
            "name": "honest",
            "instructions": "Was the {{ trace }} honest?",
            "values": ["pass", "fail"],
            "model": "main",
        }
        config.write_text(
            json.dumps({"models": {"main": main}, "judges": [judge], "checks": ["tool_errors", "answered"]})
        )
        otel_judge("run", str(traces), "--config", str(config), "--html", str(html))
    return html


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = parts.find("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Opened:
    """A report in a tab, and what went on there."""

    page: Page
    requests: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])

    @property
    def rows(self) -> Any:
        return self.page.locator("#rows tr")

    def column(self, name: str) -> list[str]:
        return self.page.locator(f'#rows td[data-label="{name}"]').all_inner_texts()

    def is_within_its_width(self, selector: str) -> bool:
        return bool(self.page.locator(selector).evaluate("each => each.scrollWidth <= each.clientWidth"))


@pytest.fixture
def open_report(browser: Browser, report: Path) -> Iterator[Any]:
    """Opens the report in a tab of its own. Whatever is done there, nothing is loaded and nothing complains."""
    tabs: list[Opened] = []

    def open_(fragment: str = "", **options: Any) -> Opened:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        opened = Opened(context.new_page())
        tabs.append(opened)
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.goto(report.as_uri() + fragment)
        return opened

    yield open_
    for opened in tabs:
        title = opened.page.title()
        opened.page.context.close()
        assert opened.complaints == []
        assert {url.partition("#")[0] for url in opened.requests} == {report.as_uri()}
        assert title != "scripted"


def test_a_thousand_traces_are_there_in_about_a_second(open_report: Any, report: Path, record_property: Any) -> None:
    took = min(
        open_report().page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") for _ in range(3)
    )
    size = report.stat().st_size
    print(f"{TRACES} traces of {2 * TURNS + 1} spans, {size / 1e6:.1f} MB: open after {took:.0f} ms")
    record_property("opens_ms", round(took))
    assert took < OPENS_WITHIN_MS
    assert size < TRACES * 20_000


def test_the_aggregates_say_what_was_found(open_report: Any) -> None:
    page = open_report().page
    failed = len(range(0, TRACES, LOST))
    card = page.locator(".card", has=page.get_by_role("heading", name="honest"))
    expect(card).to_contain_text(f"{round((TRACES - failed) / TRACES * 1000) / 10}\u00a0%")
    expect(card).to_contain_text("95\u00a0% interval")
    expect(card).to_contain_text(f"quotes not verified {failed}")
    expect(card).to_contain_text("uncalibrated")
    card.get_by_role("button", name=re.compile("fail")).click()
    expect(page.locator("#count")).to_have_text(f"{failed} of 1,000 traces")


def test_columns_sort_and_say_so(open_report: Any) -> None:
    opened = open_report()
    header = opened.page.get_by_role("columnheader", name="duration")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    assert opened.column("duration")[0] == "29.99 s"
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert opened.column("duration")[0] == "20.00 s"
    opened.page.get_by_role("columnheader", name="honest").get_by_role("button").click()
    assert [each.strip() for each in opened.column("honest")[:2]] == ["fail", "fail"]
    expect(header).to_have_attribute("aria-sort", "none")


def test_search_and_filters_narrow_the_table(open_report: Any) -> None:
    opened = open_report()
    page, count = opened.page, opened.page.locator("#count")
    expect(count).to_have_text("1,000 traces")
    page.fill("#search", "order 417?")
    expect(count).to_have_text("1 of 1,000 traces")
    page.get_by_role("button", name="Clear").click()
    page.select_option("#scorer", "honest")
    page.select_option("#outcome", "fail")
    expect(count).to_have_text(f"{len(range(0, TRACES, LOST))} of 1,000 traces")
    assert {each.strip() for each in opened.column("honest")} == {"fail"}
    page.select_option("#label", "pass")
    expect(count).to_have_text("0 of 1,000 traces")


def test_a_trace_shows_its_quotes_where_they_stand(open_report: Any) -> None:
    opened = open_report()
    page = opened.page
    page.fill("#search", "pigeon")
    opened.rows.first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It promised what no tool had said.")
    assert {QUOTE, "no such order"} <= set(dialog.locator("mark").all_inner_texts())
    unverified = dialog.locator(".unverified")
    expect(unverified).to_contain_text("It was sent by pigeon.")
    expect(unverified).to_contain_text("not found in")
    dialog.locator(".verified", has_text=QUOTE).first.get_by_role("link").click()
    expect(dialog.locator("mark", has_text=QUOTE).first).to_be_in_viewport()
    assert dialog.locator(".span .error").count() == 1
    expect(dialog.locator(".step", has_text="onerror").first).to_contain_text(HOSTILE)
    assert dialog.locator("img").count() == 0


def test_all_of_it_by_keyboard(open_report: Any) -> None:
    opened = open_report()
    page, keys = opened.page, opened.page.keyboard
    keys.press("/")
    expect(page.locator("#search")).to_be_focused()
    keys.type("no such order")
    keys.press("ArrowDown")
    expect(opened.rows.nth(0)).to_be_focused()
    keys.press("ArrowDown")
    expect(opened.rows.nth(1)).to_be_focused()
    wanted = opened.rows.nth(1).get_attribute("data-id")
    keys.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(str(wanted))
    assert page.url.endswith(f"#trace={wanted}")
    keys.press("j")
    expect(dialog).not_to_contain_text(str(wanted))
    keys.press("k")
    expect(dialog).to_contain_text(str(wanted))
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opened.rows.nth(1)).to_be_focused()
    assert "#" not in page.url


def test_a_link_opens_its_trace(open_report: Any) -> None:
    wanted = a_trace(5).trace_id
    page = open_report(f"#trace={wanted}").page
    expect(page.get_by_role("dialog")).to_contain_text("order 5?")
    page.go_back()
    assert page.url == "about:blank"
    page.go_forward()
    expect(page.get_by_role("dialog")).to_contain_text(wanted)


def test_dark_where_the_reader_wants_it(open_report: Any) -> None:
    def brightness(scheme: str) -> int:
        colour = open_report(color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert brightness("dark") < 150 < 600 < brightness("light")


def test_a_phone_shows_all_without_scrolling_sideways(open_report: Any) -> None:
    opened = open_report(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = opened.page
    assert opened.is_within_its_width("html")
    page.select_option("#sort", label="duration ↓")
    assert opened.column("duration")[0] == "29.99 s"
    page.select_option("#outcome", "fail")
    opened.rows.first.tap()
    expect(page.get_by_role("dialog")).to_contain_text("What the agent did")
    assert opened.is_within_its_width("html")
    assert opened.is_within_its_width("#trace")
    page.get_by_role("button", name="Close").tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
