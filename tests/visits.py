"""A page of the book in a browser."""

import pytest

BOTH = pytest.mark.parametrize("visit", ["chromium", "firefox"], indirect=True)


class Visit:
    """A page in a browser, with all that went wrong in it and all that it asked for."""

    def __init__(self, browser, address, **options):
        self.context = browser.new_context(
            **{"viewport": {"width": 1200, "height": 900}, **options}
        )
        self.page, self.wrong, self.asked = self.context.new_page(), [], []
        self.page.on("console", self.note)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def note(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def fill(self, name):
        """Scroll to a widget, wait until it is filled, and return it."""
        found = self.page.locator(f".gru-widget[data-widget={name}]")
        found.scroll_into_view_if_needed()
        self.page.locator(f".gru-widget[data-widget={name}][data-ready]").wait_for()
        return found
