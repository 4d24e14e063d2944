"""The transit engine of HashiCorp Vault, as far as llmg asks it: real AES-256-GCM behind Vault's paths, fields and refusals."""

import base64
import contextlib
import http.server
import json
import os
import threading

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.token-of-the-test"
PREFIX = "vault:v1:"


class Vault:
    """One key, `transit/llmg`. It counts what it did, and can be switched off."""

    def __init__(self):
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self.away = False
        self.done = {"encrypt": 0, "decrypt": 0}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"vault+http://127.0.0.1:{self._server.server_port}/transit/llmg"

    def answer(self, path, token, body):
        if self.away:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if path == "/v1/transit/encrypt/llmg":
            self.done["encrypt"] += 1
            nonce = os.urandom(12)
            sealed = nonce + self._cipher.encrypt(nonce, base64.b64decode(body["plaintext"], validate=True), None)
            return 200, {"data": {"ciphertext": PREFIX + base64.b64encode(sealed).decode(), "key_version": 1}}
        if path == "/v1/transit/decrypt/llmg" and body["ciphertext"].startswith(PREFIX):
            self.done["decrypt"] += 1
            sealed = base64.b64decode(body["ciphertext"].removeprefix(PREFIX))
            opened = self._cipher.decrypt(sealed[:12], sealed[12:], None)
            return 200, {"data": {"plaintext": base64.b64encode(opened).decode()}}
        return 404, {"errors": []}

    def _handler(vault):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, said = vault.answer(self.path, self.headers.get("x-vault-token"), body)
                said = json.dumps({"request_id": "r", "lease_id": "", **said}).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args):
                pass

        return Handler

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def vault():
    running = Vault()
    try:
        yield running
    finally:
        running.stop()
