"""A real PostgreSQL server of a test's own, on a loopback port; its commits wait for the disk as they do in earnest."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from lib.process import eventually, free_port


def _binaries():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "no PostgreSQL here; .ci/packages test installs it"
    return found[-1].parent


class Postgres:
    """PostgreSQL refuses to run as root, so it runs as its own user then."""

    def __init__(self):
        # Its user must be able to walk there, which it cannot below pytest's private folders.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="llmg-postgres-"))
        self.bin, self.port, self.server = _binaries(), free_port(), None
        self.data = str(self.folder / "data")
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.root = os.geteuid() == 0
        if self.root:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        words = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", self.data, *words)
        self.start()

    def _argv(self, program, *words):
        argv = [str(self.bin / program), *words]
        return ["runuser", "-u", "postgres", "--", *argv] if self.root else argv

    def _run(self, program, *words):
        done = subprocess.run(
            self._argv(program, *words), capture_output=True, text=True, cwd="/", timeout=60, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stdout} {done.stderr}"
        return done.stdout

    def start(self):
        settings = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        argv = self._argv("postgres", "-D", self.data, *settings, "-c", f"unix_socket_directories={self.folder}")
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
        ready = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        eventually(lambda: subprocess.run(ready, check=False).returncode == 0, 15)

    def stop(self):
        """As an operator in a hurry: open transactions are rolled back, nothing that was committed is lost."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        self.server.wait(15)

    def query(self, sql):
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-At", "-c", sql, "postgres"]
        return self._run("psql", *words).strip()

    def empty(self):
        """As it was at first; whoever is connected still loses that."""
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres'")
        self.query("DROP SCHEMA public CASCADE")
        self.query("CREATE SCHEMA public")

    def end(self):
        if self.server.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
