"""Every number that a node counts, in one place and one registry of its own.

The hot path adds to plain dictionaries (a labelled ``prometheus_client`` counter costs a lock and a lookup each time);
they become Prometheus families when they are scraped. Labels come from closed sets only: never from a peer.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics(Collector):
    """The numbers of one node. Attributes are added to from its event loop; reading is safe from any thread."""

    def __init__(self, node: str, version: str) -> None:
        self.registry = CollectorRegistry()
        self._node = node
        self._version = version

        self.connections: Tally[str] = Tally()
        """Connections by ``outcome``: accepted, refused (admission), tls_failed."""
        self.proxied: Tally[str] = Tally()
        """Connections by what their PROXY header was: accepted, local (the balancer itself), probe (nothing sent),
        missing, bad, too_long, late, cut_off, untrusted (no balancer of ours)."""
        self.requests: Tally[str] = Tally()
        """Good requests by ``type``."""
        self.errors: Tally[str] = Tally()
        """``error`` frames by ``code``."""
        self.closes: Tally[str] = Tally()
        """``closing`` frames by ``code``."""
        self.malformed: Tally[str] = Tally()
        """Bad lines by ``kind``: not_json, bad_request, too_long, foreign (TLS, HTTP, PROXY), cut_off."""
        self.sign_ins: Tally[str] = Tally()
        """Sign-ins by ``outcome``: registered, password, token, refused, throttled."""
        self.entries: Tally[str] = Tally()
        """Durably committed log entries by ``kind``."""
        self.bytes: Tally[str] = Tally()
        """Bytes of connections by ``direction``: received, sent, and dropped unsent (slow readers)."""

        self.commit_batch = Histogram(
            "mrccsc_commit_batch_entries", "Operations of one commit.", buckets=_BATCH_BUCKETS, registry=self.registry
        )
        self.commit_seconds = Histogram(
            "mrccsc_commit_seconds", "Seconds of one commit.", buckets=_SECONDS_BUCKETS, registry=self.registry
        )
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []
        self._tallies: list[tuple[str, str, str, Tally[str]]] = []
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def watch(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show ``mrccsc_<name>`` as what ``read`` gives at the moment of a scrape, called on the scraper's thread."""
        self._gauges.append((f"mrccsc_{name}", documentation, read))

    def count(self, name: str, documentation: str, label: str, tally: Tally[str]) -> None:
        """Show ``mrccsc_<name>_total`` by ``label`` as what somebody else counts in ``tally``."""
        self._tallies.append((f"mrccsc_{name}", documentation, label, tally))

    def collect(self) -> Iterator[Metric]:
        """The counters and gauges as they are now."""
        info = GaugeMetricFamily("mrccsc_node", "This node: always 1.", labels=["node", "version"])
        info.add_metric([self._node, self._version], 1)
        yield info
        for name, documentation, label, tally in (
            ("mrccsc_connections_opened", "Connections by outcome.", "outcome", self.connections),
            ("mrccsc_proxy_headers", "PROXY headers by outcome.", "outcome", self.proxied),
            ("mrccsc_requests", "Good requests by type.", "type", self.requests),
            ("mrccsc_errors", "Error frames by code.", "code", self.errors),
            ("mrccsc_closes", "Closing frames by code.", "code", self.closes),
            ("mrccsc_malformed_lines", "Lines that are no good request, by kind.", "kind", self.malformed),
            ("mrccsc_sign_ins", "Sign-ins by outcome.", "outcome", self.sign_ins),
            ("mrccsc_entries_committed", "Durably committed log entries by kind.", "kind", self.entries),
            ("mrccsc_connection_bytes", "Bytes of connections by direction.", "direction", self.bytes),
            *self._tallies,
        ):
            family = CounterMetricFamily(name, documentation, labels=[label])
            # dict(…) is one step of the interpreter, so the loop may go on counting meanwhile.
            for value, count in sorted(dict(tally).items()):
                family.add_metric([value], count)
            yield family
        for name, documentation, read in self._gauges:
            yield GaugeMetricFamily(name, documentation, value=read())
