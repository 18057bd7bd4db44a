"""The page, as a person sees it in a browser, and as a program does."""

import os
import re
import signal

import pytest
from playwright.sync_api import expect, sync_playwright

from deployment import GUEST_MEMBER, USER, until
from page import Page

# The browser would otherwise look for its maker's hosts, which is no part of the test.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    program = os.environ.get("STANDPIPE_CHROMIUM")
    if not program:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser):
    with browser.new_context() as context:
        tab = context.new_page()
        tab.complaints = []
        tab.on("console", lambda message: message.type == "error" and tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        yield tab


def process(tab, deployment, text):
    tab.goto(f"http://127.0.0.1:{deployment.web_port}/")
    tab.get_by_role("textbox").fill(text)
    tab.get_by_role("button", name="Process").click()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Hello, named pipe", "epip deman ,olleH"),
        ("Grüße 👩‍👩‍👧", "👩‍👩‍👧 eßürG"),
        ('<b>bold</b> & "quoted"', '"detouq" & >b/<dlob>b<'),
        ("", ""),
    ],
    ids=["words", "more than ASCII", "markup stays text", "empty"],
)
def test_a_person_gets_the_text_back_reversed(demo, tab, text, expected):
    process(tab, demo, text)
    where = rf"by instance: ServiceWatcher/[01] \(127\.0\.0\.[12]:{demo.smb_port}\)"
    shown = re.compile(r"Processed Text:\s*" + re.escape(expected).replace(r"\ ", r"\s") + r"\s*" + where)
    expect(tab.locator("body")).to_contain_text(shown)
    assert not tab.complaints


def test_the_page_works_by_keyboard_and_says_what_it_is(demo, tab):
    tab.goto(f"http://127.0.0.1:{demo.web_port}/")
    assert tab.title()
    assert tab.locator("html").get_attribute("lang")
    tab.get_by_role("textbox").focus()
    tab.keyboard.type("Hello")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("body")).to_contain_text("Processed Text: olleH")


def test_a_refused_log_on_is_shown_as_that(deployment, tab):
    web_has(deployment, USER, "not the password")
    with deployment.running(ready=False):
        until(lambda: "Log-on failed" in Page(deployment).process("Hello"), "the page says so")
        process(tab, deployment, "Hello")
        expect(tab.get_by_role("alert")).to_contain_text("Log-on failed")
        expect(tab.locator("body")).not_to_contain_text("Processed Text")


def test_no_ready_instance_is_shown_as_that(deployment, tab):
    deployment.edit('command = ["simple-service"]', 'command = ["sleep", "1000"]')
    with deployment.running(ready=False):
        until(lambda: "No instance ready" in Page(deployment).process("Hello"), "the page says so")
        process(tab, deployment, "Hello")
        expect(tab.get_by_role("alert")).to_contain_text("No instance ready")


def test_a_denied_account_is_shown_as_that(deployment, tab):
    web_has(deployment, GUEST_MEMBER.name, GUEST_MEMBER.password)
    with deployment.running(ready=False):
        until(lambda: all(deployment.accounts_file(each).exists() for each in (0, 1)), "the instances have accounts")
        deployment.add_accounts()
        until(lambda: "Access denied" in Page(deployment).process("Hello"), "the page says so")
        process(tab, deployment, "Hello")
        expect(tab.get_by_role("alert")).to_contain_text("Access denied")
        expect(tab.locator("body")).not_to_contain_text("Processed Text")


def test_an_instance_that_does_not_answer_in_time_is_shown_as_that(deployment, tab):
    deployment.edit('connect-timeout = "10s"', 'connect-timeout = "1s"')
    with deployment.running():
        frozen = [deployment.instance(number)["pid"] for number in (0, 1)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            process(tab, deployment, "Hello")
            # Which of the two depends on whether the readiness check or the call noticed first.
            said = re.compile("Could not connect in time|No instance ready")
            expect(tab.locator("body")).to_contain_text(said, timeout=20_000)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)


def test_the_bridge_answers_programs(demo):
    status, body = Page(demo).bridge("Hello")
    assert (status, "olleH" in body) == (200, True), body


def test_the_bridge_knows_only_its_calls(demo):
    status, _ = Page(demo).bridge("Hello", pipe="complicated")
    assert status == 404


def web_has(deployment, user, password):
    """Lets the web role log in as somebody, with a password of its own."""
    deployment.edit(f'user = "{USER}"', f'user = "{user}"')
    before, after = deployment.file.read_text().rsplit(f"/{USER}", 1)
    deployment.write(f"{before}/web{after}")
    deployment.write_secret("web", password)
