"""Pages of history and search."""

from __future__ import annotations

from mrccsc_server.handlers.registry import Answer, handles
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.messages.history import HistoryGet, HistoryPage, SearchMessages, SearchResults


@handles(HistoryGet)
async def get(services: Services, session: Session, request: HistoryGet) -> Answer:
    """A page of history."""
    page = await services.reading.page(session, request)
    return HistoryPage(
        type="history.page", re=request.id, conv=request.conv, entries=page.entries, head=page.head, more=page.more
    )


@handles(SearchMessages)
async def search(services: Services, session: Session, request: SearchMessages) -> Answer:
    """Messages that match."""
    hits, cursor = await services.reading.search(session, request)
    results = SearchResults(type="search.results", re=request.id, hits=hits)
    if cursor is not None:
        results["cursor"] = cursor
    return results
