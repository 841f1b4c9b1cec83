"""Somebody else's site: a page on another origin, as strict as a page can be, that has the chat on it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A shop</title><link rel="stylesheet" href="/style.css">
<script async src="{desk}/chat/widget.js"></script></head>
<body><h1>A shop</h1><p><a href="/basket">Basket</a></p><support-chat color="#ffd400" locale="es"></support-chat></body></html>"""

# What a hostile style sheet of a host page does to everything it can reach.
_STYLE = """* { font: bold 30px serif; color: red; } button { display: none; } div { float: right; background: lime; }
h1 { color: black; } a { color: blue; }"""


class Site:
    """Serves at `http://127.0.0.1:port` and, the same, at `http://localhost:port`: two origins. Set `desk` before pages are asked for."""

    def __init__(self) -> None:
        site = self
        self.desk = ""
        self.sockets = True

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, kind = (_STYLE, "text/css") if self.path == "/style.css" else (_PAGE.format(desk=site.desk), "text/html")
                self.send_response(200)
                self.send_header("content-type", f"{kind}; charset=utf-8")
                self.send_header("content-security-policy", site.policy)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_address[1]
        self.allowed = f"http://127.0.0.1:{self.port}"
        self.foreign = f"http://localhost:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def policy(self) -> str:
        socket = f" {self.desk.replace('http', 'ws', 1)}" if self.sockets else ""
        return (
            f"default-src 'none'; script-src {self.desk}; connect-src {self.desk}{socket}; style-src 'self'; base-uri 'none'; "
            "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
