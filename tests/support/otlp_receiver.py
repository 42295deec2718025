"""A collector of OpenTelemetry on a port of its own: OTLP over HTTP, as it comes over the wire."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import attrs


@attrs.define
class OTLPReceiver:
    """What has been received.

    Attributes:
        url: Where it listens.
        requests: Decoded, in order.
        paths: Where each was sent.
        headers: Of each, names in lower case.
        status: What it answers.
    """

    url: str
    requests: list[Any] = attrs.field(factory=list)
    paths: list[str] = attrs.field(factory=list)
    headers: list[dict[str, str]] = attrs.field(factory=list)
    status: int = 200

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator[Self]:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
            ExportMetricsServiceResponse,
        )

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportMetricsServiceRequest()
                request.ParseFromString(body)
                receiver.requests.append(request)
                receiver.paths.append(self.path)
                receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                answer = ExportMetricsServiceResponse().SerializeToString()
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_request(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        receiver = cls(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def points(self) -> dict[tuple[str, str | None], float]:
        """Return every value of the only request by metric, and by statistic or outcome."""
        (request,) = self.requests
        found: dict[tuple[str, str | None], float] = {}
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            data = getattr(metric, metric.WhichOneof("data"))
            for point in data.data_points:
                of = {each.key: each.value.string_value for each in point.attributes}
                value = getattr(point, point.WhichOneof("value"))
                found[(metric.name, of.get("statistic") or of.get("outcome"))] = value
        return found
