"""A service that cannot be kept running is given up; one that cannot run at all is in `test_bad_services.py`."""

import os
import signal

from deployment import until
from instance import Instance
from services_under_test import SINGLE, instance


def test_a_service_that_is_killed_five_times_is_given_up_with_69(tools, folder):
    one = instance(Instance, tools, folder, SINGLE)
    try:
        one.start()
        killed = 0
        for times in range(1, 6):
            until(lambda times=times: one.said("the service is running") == times, f"it runs {times} times", 60)
            killed = one.prefix.process_of(SINGLE.program)
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: killed not in one.prefix.inside(), "the killed process is gone")
        assert one.process.wait(60) == 69
        assert one.said("starting the service") == 5
        assert one.said("failed 5 times")
        assert not one.prefix.inside(), "nothing of Wine is left"
    finally:
        one.show()
        one.end()
