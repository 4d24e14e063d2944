"""Control, metering and two gateways, each a process of its own; the gateways open no store."""

import socket

from lib.instance import Llmg
from lib.process import BIN, Process

TOKEN = "a token that is long enough".replace(" ", "-") + "-0123456789"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Control(Llmg):
    def __init__(self, folder, template):
        # Of a number, so that gateways find it again after a restart.
        self.door = f"127.0.0.1:{free_port()}"
        super().__init__(
            folder,
            template,
            {"LLMG_CONTROL_LISTEN": self.door, "LLMG_CLUSTER_TOKEN": TOKEN},
        )
        self.argv = [BIN, "control"]


class Gateway(Llmg):
    def __init__(self, folder, control, env=None):
        settings = {
            "LLMG_CONTROL_URL": f"http://{control.door}",
            "LLMG_CLUSTER_TOKEN": TOKEN,
            "LLMG_MASTER_KEY": (control.data / "master.key").read_text().strip(),
            "LLMG_EVENTS_DIR": str(control.data / "events"),
        }
        super().__init__(folder, None, {**settings, **(env or {})})
        self.argv = [BIN, "gateway"]
        self.api_key = control.api_key


class Metering(Process):
    def __init__(self, folder, control):
        super().__init__(
            [BIN, "metering"],
            folder,
            r"llmg (metering) is ready",
            {"LLMG_DATA_DIR": str(control.data), "LLMG_LOG": "info"},
        )
