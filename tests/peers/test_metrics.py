"""What instances count at their health ports, read by the parser of Prometheus' own Python client."""

import os
import signal
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deployment import free_port, until
from page import Page


@pytest.fixture
def ports(deployment):
    """A health port of every role, at the address of each instance."""
    service, web = free_port(deployment.hosts), free_port(["127.0.0.1"])
    deployment.edit("[roles.ServiceWatcher]\n", f"[roles.ServiceWatcher]\nhealth.port = {service}\n")
    deployment.edit("[roles.Web.endpoints", f"[roles.Web]\nhealth.port = {web}\n\n[roles.Web.endpoints")
    return service, web


def metrics(host, port):
    """Every number of an instance, by its name and labels; the families are whole and each is there once."""
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names), names
    assert all(family.documentation and family.type != "unknown" for family in families)
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def test_an_instance_counts_its_calls_log_ons_and_failures(deployment, ports):
    service, web = ports
    with deployment.running():
        page = Page(deployment)
        for _ in range(4):
            assert page.bridge("Hello")[0] == 200
        assert deployment.call(0, "Hello").returncode == 0
        assert deployment.call(0, "Hello", password="wrong").returncode == 77

        numbers = metrics(deployment.hosts[0], service)
        endpoint = ("endpoint", "NamedPipes")
        assert numbers["standpipe_ready",] == 1
        assert numbers["standpipe_stage", ("stage", "running")] == 1
        assert numbers["standpipe_stage", ("stage", "draining")] == 0
        assert numbers["standpipe_service_running", ("service", "SimpleService")] == 1
        assert numbers["standpipe_service_restarts_total", ("service", "SimpleService")] == 0
        assert numbers["standpipe_log_ons_refused_total", endpoint, ("reason", "credentials")] == 1
        assert numbers["standpipe_log_ons_refused_total", endpoint, ("reason", "anonymous")] == 0
        assert numbers["standpipe_log_ons_total", endpoint] >= 1
        for of in ["all", "account"]:
            assert numbers["standpipe_budget_memory_limit_bytes", ("of", of)] > 0
            assert numbers["standpipe_budget_opens", ("of", of)] < numbers["standpipe_budget_opens_limit", ("of", of)]
        opens = numbers["standpipe_opens_total", endpoint]
        assert opens >= 1

        def all_closed():
            now = metrics(deployment.hosts[0], service)
            return now["standpipe_open_pipes", endpoint] == 0 and now

        numbers = until(all_closed, "no pipe is open")
        assert numbers["standpipe_open_duration_seconds_count", endpoint] == opens
        assert numbers["standpipe_open_duration_seconds_bucket", endpoint, ("le", "+Inf")] == opens
        assert numbers["standpipe_open_duration_seconds_sum", endpoint] > 0

        numbers = metrics("127.0.0.1", web)
        assert numbers["standpipe_calls_total", ("call", "simple"), ("result", "ok")] == 4
        assert numbers["standpipe_calls_total", ("call", "simple"), ("result", "reply-timed-out")] == 0
        assert numbers["standpipe_call_duration_seconds_count", ("call", "simple")] == 4
        assert 0 <= numbers["standpipe_page_memory_bytes",] < numbers["standpipe_page_memory_limit_bytes",]
        assert ("standpipe_budget_opens", ("of", "all")) not in numbers

        os.kill(deployment.service_process(0), signal.SIGKILL)

        def counted():
            now = metrics(deployment.hosts[0], service)
            ended = now["standpipe_service_failures_total", ("kind", "ended"), ("service", "SimpleService")]
            return ended == 1 and now["standpipe_ready",] == 1 and now

        numbers = until(counted, "the failure is counted, and the service runs again")
        assert numbers["standpipe_service_restarts_total", ("service", "SimpleService")] == 1
        others = metrics(deployment.hosts[1], service)
        assert others["standpipe_service_restarts_total", ("service", "SimpleService")] == 0
