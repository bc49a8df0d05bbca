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
        # Firefox says so of a formula of which only a part has arrived.
        half = message.text.startswith("Incorrect number of children for <")
        if message.type in ("error", "warning") and not half:
            self.wrong.append(message.text)

    def until(self, expression):
        """Wait until an expression is true; the policy of a page forbids wait_for_function."""
        for _ in range(100):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{expression} never came true")

    def fill(self, name):
        """Scroll to a widget, wait until it is filled, and return it."""
        found = self.page.locator(f".gru-widget[data-widget={name}]")
        found.scroll_into_view_if_needed()
        self.page.locator(f".gru-widget[data-widget={name}][data-ready]").wait_for()
        return found
