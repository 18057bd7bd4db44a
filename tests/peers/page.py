"""The page as a program sees it: its form, posted."""

import html
import re
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = 30.0


class Page:
    def __init__(self, deployment=None, address=None):
        self.address = address or f"http://127.0.0.1:{deployment.web_port}/"

    def process(self, text, field="text"):
        """What the page shows after *Process*, as plain text."""
        form = urllib.parse.urlencode({field: text}).encode()
        shown = self.fetch(urllib.request.Request(self.address, data=form))[1]
        return html.unescape(re.sub(r"<[^>]*>", "", shown))

    def bridge(self, text, pipe="simple"):
        """`POST /pipes/NAME`: status and body."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return self.fetch(urllib.request.Request(f"{self.address}pipes/{pipe}", data=text.encode(), headers=headers))

    def fetch(self, request=None):
        """Status and text of a request; without one, of the page itself."""
        try:
            with urllib.request.urlopen(request or self.address, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, f"no answer: {error}"
