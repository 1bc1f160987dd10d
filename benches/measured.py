"""Runs a command and writes its wall seconds and its peak MiB to a file: `measured.py FILE COMMAND...`.

A process of its own, and a small one: Linux counts to a process's peak what the process that started it held at that moment.
"""

import json
import os
import sys
import time

start = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - start
with open(sys.argv[1], "w") as file:
    json.dump({"wall_s": wall, "peak_mib": usage.ru_maxrss / 1024}, file)
sys.exit(os.waitstatus_to_exitcode(status))
