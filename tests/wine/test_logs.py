"""What a service in Wine logs comes out as one JSON object a line on standard output."""

import json

from deployment import until
from instance import Instance
from prefix import to_windows
from services_under_test import SINGLE, instance


def test_event_log_and_log_files_become_json_lines_on_standard_output(tools, folder):
    made = instance(Instance, tools, folder, SINGLE, more='logs = { files = [\'C:\\logs\\*.log\'] }\n')
    text = made.file.read_text()
    made.file.write_text(text.replace(json.dumps(to_windows(folder / "seen.txt")), r"'C:\logs\single.log'"))
    (made.prefix.folder / "drive_c/logs").mkdir()

    def said(**wanted):
        return [line for line in made.service_lines() if wanted.items() <= line.items()]

    try:
        with made.running():
            report = until(lambda: said(message="the service has started"), "its report is a line")
            assert [(line["process"], line["stream"], line["level"]) for line in report] == [
                ("Single", "event-log", "INFO")
            ]
            written = until(lambda: said(message="started"), "what it wrote to its file is a line")
            assert [(line["process"], line["stream"]) for line in written] == [("Single", "file")]
            assert written[0]["file"].endswith("single.log")
            assert made.stop() == 0
            assert said(message="asked to stop"), "a line of its last moments"
            assert said(message="the service has stopped")
        for line in made.output.read_text().splitlines():
            assert isinstance(json.loads(line), dict), line
        # Standpipe's own lines are elsewhere.
        assert not said(message="the service is running") and made.said("the service is running")
    finally:
        made.end()
