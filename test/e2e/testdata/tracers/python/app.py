"""A service with OpenTelemetry's own instrumentation of WSGI and requests, that knows nothing of overrides."""

import json
import os
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import requests
from opentelemetry import trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
RequestsInstrumentor().instrument()


def answer(environ, start_response):
    headers = {key[5:].replace("_", "-").title(): [value] for key, value in environ.items() if key.startswith("HTTP_")}
    body = {
        "service": os.environ["NAME"], "version": "v1", "status": 200,
        "request": {"headers": headers}, "calls": [requests.get(os.environ["NEXT"], timeout=30).json()],
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


make_server("", 8080, OpenTelemetryMiddleware(answer), Server, Quiet).serve_forever()
