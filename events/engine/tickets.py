"""Middleware: a page names the question it asks, so that it can end it when its reader leaves."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from events.engine.running import ticketed

HEADER = "X-Question"
# Made by the page, too long to be guessed by another.
TICKET = re.compile(r"[A-Za-z0-9-]{16,64}")


class QuestionTickets:
    """Run the questions of a request under the ticket of its header X-Question."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ticket = request.headers.get(HEADER, "")
        if not TICKET.fullmatch(ticket):
            return self.get_response(request)
        with ticketed(ticket):
            return self.get_response(request)
