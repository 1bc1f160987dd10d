"""What compare.py has found, as tables: Markdown that can be read as it stands."""

import os
import platform
import statistics
import subprocess
from importlib.metadata import version
from pathlib import Path

import contenders
from workloads import WORKLOADS


def machine(pipefit):
    """The lines that say where it was measured: processor, memory, system, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in values.items()}
    flags = set(values.get("flags", "").split())
    wide = next((name for name in ("avx512f", "avx2") if name in flags), "no AVX")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    ours = subprocess.run([pipefit, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    names = ["scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "cvmatrix"]
    return {
        "processor": f"{values.get('model name', platform.machine())}, {os.cpu_count()} cores, {wide}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "versions": ", ".join([ours, f"Python {platform.python_version()}"] + [f"{n} {version(n)}" for n in names]),
    }


def aligned(rows):
    """Rows of texts as a Markdown table whose columns line up; the first row is the head, numbers stand right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    right = [all(row[k][:1].isdigit() or row[k] in ("", "-", "exact") for row in rows[1:]) for k in range(len(widths))]
    cells = lambda row: [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right)]
    rule = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right)]
    lines = [cells(rows[0]), rule, *(cells(row) for row in rows[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def seconds(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def ratio(value):
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 20 else f"{value:.0f}"


def of(runs, what, pick=min):
    return pick(run[what] for run in runs)


def label(key):
    name, jobs = key.split("/")
    return contenders.label(name) + (f", n_jobs={jobs}" if jobs != "1" else "")


def fastest(workload, result, kind, what):
    """The least of all contenders of a kind, or None; the best are only those whose numbers agree."""
    keys = {key: key.split("/")[0] for key in result["contenders"] if key != "pipefit"}
    names = [
        key
        for key, name in keys.items()
        if workload.kind(name) == kind and not (kind == "best" and name in workload.differs)
    ]
    return min((of(result["contenders"][key]["runs"], what) for key in names), default=None)


def detail(workload, result):
    """Every contender of a workload with least and median times."""
    ours = result["contenders"]["pipefit"]["runs"]
    rows = [["done by", "job s", "median", "whole s", "median", "peak MiB", "job", "whole", "memory"]]
    for key, contender in result["contenders"].items():
        runs = contender["runs"]
        mark = " (*)" if key in result["reused"] else ""
        row = ["pipefit" if key == "pipefit" else label(key) + mark]
        for what in ("job_s", "whole_s"):
            row += [seconds(of(runs, what)), seconds(of(runs, what, statistics.median))]
        row.append(f"{of(runs, 'peak_mib'):.0f}")
        for what in ("job_s", "whole_s", "peak_mib"):
            row.append("" if key == "pipefit" else ratio(of(runs, what) / of(ours, what)))
        rows.append(row)
    return f"### {workload.name}: {workload.about}\n\n{aligned(rows)}\n" + "".join(
        f"- {note}\n" for note in result["notes"] + facts(result, ours)
    )


def facts(result, ours):
    """Where pipefit's time went, its memory beside the data's, and the limits of the machine."""
    best = min(ours, key=lambda run: run["job_s"])
    stages = ", ".join(f"{name} {best['times'][name]:.3f}" for name in ("read", "search", "cv", "refit", "publish"))
    data = result["data_bytes"] / 2**20
    lines = [
        f"pipefit took the path `{best['path']}`; seconds: {stages}",
        f"pipefit's peak memory is {of(ours, 'peak_mib') / data:.2f} times the data ({data:.0f} MiB)",
    ]
    if "limits" in result:
        product, memory = result["limits"]
        limit = product + 2 * memory
        lines.append(
            f"one BLAS product (dsyrk) on one thread {product:.3f} s, one pass over memory {memory:.3f} s: the job takes "
            f"{of(ours, 'job_s') / limit:.2f} times (product + two passes), its folds alone "
            f"{min(run['times']['cv'] for run in ours) / limit:.2f} times"
        )
    return lines


def summary(results):
    """One line a workload: how many times longer the others take."""
    rows = [["workload", "rows x columns", "pipefit s", "usual", "best", "by hand", "usual, whole", "best, whole", "peak / data"]]
    for workload in WORKLOADS:
        if workload.name not in results["workloads"]:
            continue
        result = results["workloads"][workload.name]
        ours = result["contenders"]["pipefit"]["runs"]
        size = f"{max(int(workload.rows * results['scale']), 500):,} x {workload.columns}"
        row = [workload.name, size, seconds(of(ours, "job_s"))]
        for kind, what in (("usual", "job_s"), ("best", "job_s"), ("hand", "job_s"), ("usual", "whole_s"), ("best", "whole_s")):
            least = fastest(workload, result, kind, what)
            row.append("-" if least is None else ratio(least / of(ours, what)))
        row.append(f"{of(ours, 'peak_mib') / (result['data_bytes'] / 2**20):.2f}")
        rows.append(row)
    return aligned(rows)


def page(results, baseline, details=True):
    """All that docs/performance.md takes over; the terminal has seen the details as they came."""
    parts = ["".join(f"- {name}: {text}\n" for name, text in results["machine"].items())]
    if results["scale"] != 1:
        parts.append(f"**Scale {results['scale']}: the tables are too small for these times to mean anything.**\n")
    if results["workloads"]:
        parts.append(summary(results))
    if "folds" in results:
        three, ten = (min(times) for times in results["folds"])
        parts.append(f"- 10 folds of `ols` take {ten / three:.2f} times what 3 take ({seconds(ten)} s, {seconds(three)} s)\n")
    if "threads" in results:
        one, two = (statistics.median(times) for times in results["threads"])
        medians = f"medians of five: {seconds(two)} s, {seconds(one)} s"
        parts.append(f"- two threads do `ols` {one / two:.2f} times as fast as one ({medians})\n")
    if "scaling" in results and details:
        parts.append("![seconds by rows](scaling-rows.svg)\n\n![seconds by folds and candidates](scaling-fits.svg)\n")
    if any(result["reused"] for result in results["workloads"].values()):
        text = "; ".join(baseline["machine"].values())
        parts.append(f"(*) not measured in this run, but in an earlier one, on: {text}\n")
    for workload in WORKLOADS:
        if details and workload.name in results["workloads"]:
            parts.append(detail(workload, results["workloads"][workload.name]))
    return "\n".join(parts)
