"""`/healthz`, `/readyz` and `/metrics` of a service that has no REST face: for whoever watches over processes."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from apibench.assembly.rest_server import RestServer
from apibench.wire.security import Security

Figures = Callable[[], Mapping[str, float]]
"""Numbers of the service, by the names under which Prometheus is to have them."""


def health_port(http: str, security: Security, ready: Callable[[], bool], figures: Figures) -> RestServer:
    """
    Says that the process is alive, whether it can do its work, and a few numbers; none is a secret.

    Raises UsageError where the port can't be had.
    """
    app = FastAPI(title="API Benchmark", openapi_url=None, docs_url=None, redoc_url=None)

    async def is_alive() -> dict[str, bool]:
        return {"alive": True}

    async def is_ready() -> Response:
        return JSONResponse({"ready": ready()}, 200 if ready() else 503)

    async def metrics() -> Response:
        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        for name, value in figures().items():
            Gauge(name, name, registry=registry).set(value)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/healthz", is_alive)
    app.add_api_route("/readyz", is_ready, response_model=None)
    app.add_api_route("/metrics", metrics, response_model=None)
    return RestServer(app, http, security)
