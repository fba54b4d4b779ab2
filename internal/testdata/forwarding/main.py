# A service behind the middleware of docs/forwarding.md, WSGI or ASGI by its second
# argument. For each request it calls the URL of its first. It prints its port, and ends
# with its standard input.
import asyncio
import http.server
import sys
import threading
import urllib.request
import wsgiref.simple_server

from snippet import ASGI, WSGI, carriers


def call():
    request = urllib.request.Request(sys.argv[1], headers=carriers())
    with urllib.request.urlopen(request) as response:
        return response.status


def wsgi(environ, start_response):
    start_response(f"{call()} OK", [("content-length", "0")])
    return []


async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": call(), "headers": []})


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    """As much of an ASGI server as the middleware looks at."""

    def do_GET(self):
        headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in self.headers.items()]

        async def send(message):
            self.send_response(message["status"])
            self.send_header("content-length", "0")
            self.end_headers()

        asyncio.run(ASGI(asgi)({"type": "http", "headers": headers}, None, send))

    def log_message(self, *args):
        pass


if sys.argv[2] == "wsgi":
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, WSGI(wsgi), handler_class=Quiet)
else:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
