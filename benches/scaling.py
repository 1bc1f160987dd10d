"""How the time of pipefit's job grows with rows, and with folds times candidates; drawn as SVG, without a plotting library."""

import json
import math
from dataclasses import replace

from workloads import Workload, numbers

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
FOLDS = (3, 5, 10, 20)
CANDIDATES = (1, 10, 50, 200)
COLUMNS = 50
RIDGE = "preprocess: [StandardScaler]\nmodel: Ridge\n"
BY_ROWS = Workload("scaling-rows", "", ROWS[0], COLUMNS, numbers, RIDGE + "cv: 5\n", usual=[])
BY_FITS = Workload("scaling-fits", "", 200_000, COLUMNS, numbers, "", usual=[])

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 400, 64, 40, 150, 48
# Of Okabe and Ito: told apart by people who do not tell red from green.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def measure(machine, repeat):
    """Least seconds of the job: of ROWS, and of FOLDS x CANDIDATES with 200,000 rows."""
    rows = []
    for count in ROWS:
        workload = replace(BY_ROWS, rows=count)
        workload.write(machine.folder, machine.scale)
        runs = [machine.ours(workload.name)[1] for _ in range(repeat)]
        rows.append([count * machine.scale, min(run["job_s"] for run in runs), min(run["whole_s"] for run in runs)])
        size, job, whole = rows[-1]
        print(f"{size:>12,.0f} rows x {COLUMNS}: job {job:.3f} s, whole process {whole:.3f} s", flush=True)
    fits = []
    for folds in FOLDS:
        for candidates in CANDIDATES:
            grid = f"search: {{GridSearchCV: {{param_grid: {{model__alpha: {{logspace: [-3, 4, {candidates}]}}}}}}}}\n"
            workload = replace(BY_FITS, pipeline=f"{RIDGE}cv: {folds}\n{grid}")
            workload.write(machine.folder, machine.scale)
            job = min(machine.ours(workload.name)[1]["job_s"] for _ in range(repeat))
            fits.append([folds, candidates, job])
            print(f"{folds:>4} folds x {candidates:>3} candidates: job {job:.3f} s", flush=True)
    return {"columns": COLUMNS, "rows": rows, "fits_rows": BY_FITS.rows * machine.scale, "fits": fits}


def draw(found, folder):
    """Writes the two pictures and their numbers."""
    rows = found["rows"]
    proportional = [(n, rows[-1][1] * n / rows[-1][0]) for n in (rows[0][0], rows[-1][0])]
    lines = {"job": [(n, job) for n, job, _ in rows], "whole process": [(n, whole) for n, _, whole in rows]}
    title = f"StandardScaler, Ridge, 5 folds, {found['columns']} columns"
    (folder / "scaling-rows.svg").write_text(picture(title, "rows", lines, {"proportional": proportional}))
    lines = {
        f"{folds} folds": [(k * c, job) for k, c, job in found["fits"] if k == folds]
        for folds in dict.fromkeys(k for k, _, _ in found["fits"])
    }
    first = found["fits"][0]
    most = max(k * c for k, c, _ in found["fits"])
    each = [(n, first[2] * n / (first[0] * first[1])) for n in (first[0] * first[1], most)]
    title = f"StandardScaler, Ridge, {found['fits_rows']:,.0f} x {found['columns']}"
    (folder / "scaling-fits.svg").write_text(picture(title, "folds x candidates", lines, {"proportional": each}))
    (folder / "scaling.json").write_text(json.dumps(found) + "\n")


def ticks(low, high):
    """1, 2 and 5 times the powers of ten between two numbers; only the powers where there would be many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    return [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]


def short(value):
    for size, name in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def picture(title, across, lines, guides):
    """Lines of (x, seconds) on two logarithmic axes; guides are thin and dashed and may leave the picture."""
    points = [point for line in lines.values() for point in line]
    xs, ys = zip(*points)
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys) / 1.3, max(ys) * 1.3
    place_x = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / low_x) / math.log(high_x / low_x)
    place_y = lambda y: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / low_y) / math.log(high_y / low_y)
    text = lambda x, y, words, how="": f'<text x="{x:.1f}" y="{y:.1f}" {how}>{words}</text>'
    path = lambda line: " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in line)
    middle, inner_width, inner_height = (TOP + HEIGHT - BOTTOM) / 2, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<clipPath id="area"><rect x="{LEFT}" y="{TOP}" width="{inner_width}" height="{inner_height}"/></clipPath>',
        text(LEFT, TOP - 16, title, 'font-weight="bold"'),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, 'text-anchor="middle"'),
        text(16, middle, "seconds", f'text-anchor="middle" transform="rotate(-90 16 {middle:.0f})"'),
    ]
    for x in ticks(low_x, high_x):
        out.append(f'<path d="M{place_x(x):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(text(place_x(x), HEIGHT - BOTTOM + 16, short(x), 'text-anchor="middle"'))
    for y in ticks(low_y, high_y):
        out.append(f'<path d="M{LEFT} {place_y(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, place_y(y) + 4, short(y), 'text-anchor="end"'))
    legend = []
    for name, line in guides.items():
        legend.append((name, 'stroke="#888" stroke-dasharray="5 4"', line, False))
    for (name, line), colour in zip(lines.items(), COLOURS):
        legend.append((name, f'stroke="{colour}" stroke-width="2"', line, True))
    for k, (name, stroke, line, marked) in enumerate(legend):
        out.append(f'<polyline points="{path(line)}" fill="none" {stroke} clip-path="url(#area)"/>')
        if marked:
            out += [f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3" {stroke} fill="white"/>' for x, y in line]
        at = TOP + 10 + 20 * k
        out.append(f'<path d="M{WIDTH - RIGHT + 10} {at}h20" {stroke}/>')
        out.append(text(WIDTH - RIGHT + 36, at + 4, name))
    return "\n".join(out + ["</svg>", ""])
