"""What the comparisons over Redis share: a server of their own, the build of the bench, and what a program printed."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def server():
    """Starts a Redis server without persistence; gives its address and that of its socket file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--unixsocket", path]
        process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        try:
            deadline = time.time() + 20
            while socket.socket().connect_ex(("127.0.0.1", port)) and time.time() < deadline:
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0", f"redis+unix://{path}"
        finally:
            process.kill()
            process.wait()


def client(named):
    """The newest build of the bench, unless one is named."""
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
    found = [path for path in target.glob("release/deps/redis_rows-*") if os.access(path, os.X_OK) and not path.suffix]
    if not found:
        sys.exit("no build of the bench: cargo bench --bench redis_rows --no-run")
    return max(found, key=lambda path: path.stat().st_mtime)


def run(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
