"""Core-hours and cost of a billion rows, computed from the rates that other benchmarks measured.

python benchmarks/cost_table.py [--rows N] [--cores N] [--price-cpu P] [--results FOLDER]

Nothing is measured here. A step whose benchmark has no recorded line is shown without figures.
"""

import argparse
import json
import re
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
N = r"(?P<n>[\d,]+)"
STEPS = {  # name of the step: benchmarks and what their lines are called, the best source first
    "prepare": [("prepare", rf"prepare {N} titles, parquet")],
    "vote, 100 rules": [
        ("large_votes", rf"100 rules vote on {N} titles"),
        ("rules", rf"{N} titles, expressions"),
    ],
    "embed with MiniLM, fp32": [("embedding", "embed, fp32")],
    "embed with MiniLM, bf16": [("embedding", "embed, bf16")],
    "predict with MiniLM": [
        ("large_prediction", "minilm, 0% duplicates"),
        ("prediction", "predict a csv"),
    ],
    "predict with MiniLM, 30% duplicates": [("large_prediction", "minilm, 30% duplicates")],
    "cascade, PriceRunner": [("large_prediction", "cascade, pricerunner")],
    "cascade, BigBasket": [("large_prediction", "cascade, bigbasket")],
    "cascade, Fashion": [("large_prediction", "cascade, fashion")],
}
HEADS = ("step", "rows/s, measured", "on", "core-hours", "hours", "cost", "from")
NO_GPU = "not measured on a GPU"


def records_of(folder, benchmark):
    """The recorded lines of a benchmark; a file may have one record or one in each line."""
    for path in (folder / f"{benchmark}.json", folder / f"{benchmark}.jsonl"):
        if path.exists():
            text = path.read_text(encoding="utf-8")
            lines = [text] if path.suffix == ".json" else text.splitlines()
            yield from (json.loads(line) for line in lines if line.strip())


def rate_of(line, match):
    """Rows per second of a line that gives them, or the seconds that its `n` rows took."""
    if line["unit"] in ("rows/s", "texts/s"):
        return line["wsal"]
    if line["unit"] == "s" and "n" in match.groupdict():
        return int(match["n"].replace(",", "")) / line["wsal"]
    return None


def measured(folder, sources):
    """The rate of the line with the most rows, its record, and its benchmark; None without one."""
    for benchmark, pattern in sources:
        rates = []
        for record in records_of(folder, benchmark):
            for line in record["rows"]:
                match = re.fullmatch(pattern, line["what"])
                rate = match and rate_of(line, match)
                if rate:
                    n = int(match.groupdict().get("n", "0").replace(",", ""))
                    rates.append((n, rate, record))
        if rates:
            _, rate, record = max(rates, key=lambda entry: entry[0])
            return rate, record, benchmark
    return None


def computed(folder, n_rows, cores, price):
    """A line for each step: hours on so many cores, as if they were as fast as those measured."""
    for step, sources in STEPS.items():
        line = dict.fromkeys(("rate", "machine", "core_hours", "hours", "cost", "benchmark"))
        source = measured(folder, sources)
        if source:
            rate, record, benchmark = source
            measured_cores = int(re.search(r"(\d+) cores", record["machine"])[1])
            core_hours = n_rows / rate / 3600 * measured_cores
            line |= {
                "rate": round(rate), "machine": record["machine"], "core_hours": core_hours,
                "hours": core_hours / cores, "benchmark": benchmark,
                "cost": None if price is None else core_hours * price,
                "version": record.get("versions", {}).get("wsal"),
            }  # fmt: skip
        yield {"step": step, **line}


def cells(line):
    """A row of the table."""
    if line["rate"] is None:
        return line["step"], "not recorded", "", "", "", "", ""
    on = f"{re.search(r'[0-9]+ cores', line['machine'])[0]}, {NO_GPU}"
    if NO_GPU not in line["machine"]:  # it names a GPU
        on = line["machine"]
    cost = "" if line["cost"] is None else f"{line['cost']:,.2f}"
    source = f"{line['benchmark']}, version {line['version']}"
    hours = (f"{line[name]:,.{0 if line[name] >= 100 else 2}f}" for name in ("core_hours", "hours"))
    return line["step"], f"{line['rate']:,}", on, *hours, cost, source


def main():
    """Compute and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10**9)
    parser.add_argument("--cores", type=int, default=64, help="of the cluster")
    parser.add_argument("--price-cpu", type=float, help="of a core for an hour; no default")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    lines = list(computed(options.results, options.rows, options.cores, options.price_cpu))
    title = f"{options.rows:,} rows on {options.cores} cores: computed, not measured"
    table = Table(title=title, title_justify="left")
    used = [head for head in HEADS if head != "cost" or options.price_cpu is not None]
    for head in used:
        table.add_column(head, justify="left" if head in ("step", "on", "from") else "right")
    for line in lines:
        by_head = dict(zip(HEADS, cells(line), strict=True))
        table.add_row(*(by_head[head] for head in used))
    Console(width=170).print(table)
    print(
        "Computed from rates on a few cores, as if all cores were as fast as these. Startup, idle "
        f"workers and slow networks are not included. Rates are {NO_GPU} unless the table says so."
    )
    record = {"benchmark": "cost_table", "computed": True, "n_rows": options.rows}
    print(json.dumps({**record, "cores": options.cores, "rows": lines}))


if __name__ == "__main__":
    main()
