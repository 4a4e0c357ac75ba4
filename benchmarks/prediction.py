"""Labelling a table and answering requests, beside transformers' pipeline.

python benchmarks/prediction.py [--model FOLDER] [--rows N] [--turns N] [--seconds N] [--part PART]
"""

import argparse
import itertools
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl
from gpu import machine, on_gpu
from load import load
from product_texts import DATA
from record import in_child, peak_mib, row, show, timed
from transformers import pipeline

from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.export.onnx import write_onnx
from wsal.labels import LabelSet
from wsal.serving.backends import BACKENDS, Model, open_engine
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.exported import Exported
from wsal.serving.labelling import label_table
from wsal.serving.sources import Source
from wsal.settings import EncoderSettings, HardwareSettings
from wsal.text import clean

HERE = Path(__file__).parent
FEW, MORE = 2_000, 10_000  # texts that the pipeline is given one by one, and in batches
TABLES = ("pricerunner", "bigbasket", "fashion")
WSAL = [sys.executable, "-c", "from wsal.cli import main; main()"]


def model():
    """The folder that a short run on PriceRunner exports; made once."""
    name, file = "bench_prediction", DATA / "pricerunner.parquet"
    options = [f"name={name}", "experiment=pricerunner", f"data.path={file}", "active.rounds=1"]
    subprocess.run([*WSAL, "run", *options], check=True, stdout=sys.stderr)
    return Path("runs", name, "exported")


def catalogue(n):
    """Rows of three catalogues in random order, with the repeats that they have."""
    parts = [pl.read_parquet(DATA / f"{name}.parquet", columns=["title"]) for name in TABLES]
    rows = pl.concat(parts).drop_nulls().sample(fraction=1.0, shuffle=True, seed=0)
    return rows.with_columns(title=clean(rows["title"])).drop_nulls().head(n)


def tables(folder, rows, turns):
    """The whole command on a csv file; the pipeline on its first rows."""
    device = "cuda" if on_gpu() else "cpu"
    peer = pipeline("text-classification", str(folder), device=device)
    texts = rows["title"].to_list()
    by_length = sorted(texts[:MORE], key=len)
    alone, batched = "pipeline, defaults", "pipeline, batch_size=64, sorted"
    rates = {name: [] for name in ("wsal", alone, batched)}
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "in.csv"), Path(scratch, "out.csv")
        rows.write_csv(source)
        for turn in range(turns):
            print(f"turn {turn + 1}", file=sys.stderr)
            one, seconds = timed(lambda: peer(texts[:FEW], truncation=True))
            rates[alone].append(FEW / seconds)
            many, seconds = timed(lambda: peer(by_length, batch_size=64, truncation=True))
            rates[batched].append(len(by_length) / seconds)
            command = [*WSAL, "predict", str(folder), str(source), str(target)]
            done, seconds = timed(
                lambda c=command: subprocess.run(c, check=True, capture_output=True, text=True)
            )
            rates["wsal"].append(len(rows) / seconds)
        labelled = pl.read_csv(target)
    predicted = dict(zip(texts, labelled["label"], strict=True))
    backend = re.search(r"with (\w+)", done.stdout)[1]
    how = f"{len(rows):,} rows, {len(set(texts)):,} distinct; by {backend}"
    for name, given, found in ((alone, texts[:FEW], one), (batched, by_length, many)):
        other = sum(predicted[text] != p["label"] for text, p in zip(given, found, strict=True))
        pairs = sorted(a / b for a, b in zip(rates["wsal"], rates[name], strict=True))
        medians = [round(statistics.median(rates[one])) for one in ("wsal", name)]
        note = f"{how}; other labels: {other} of the peer's {len(given):,}"
        note += f"; ratio in turns {pairs[0]:.1f} to {pairs[-1]:.1f}"
        yield row("predict a csv", *medians, name, "rows/s", note, less_is_better=False)


def backends(folder, rows, turns):
    """Each backend on the same distinct titles, beside onnxruntime in fp32."""
    exported = Exported.open(folder)
    pieces = exported.pieces(rows["title"].unique(maintain_order=True).to_list()[:MORE])
    engines = {name: open_engine(exported, name) for name in BACKENDS}
    seconds, found = {name: [] for name in engines}, {}
    for engine in engines.values():
        engine.logits(pieces[:500])
    for _ in range(turns):
        for name, engine in engines.items():
            found[name], one = timed(lambda e=engine: e.logits(pieces))
            seconds[name].append(one)
    wanted = found["onnx"].argmax(axis=1)
    for name in engines:
        rates = [round(len(pieces) / statistics.median(seconds[n])) for n in (name, "onnx")]
        other = int((found[name].argmax(axis=1) != wanted).sum())
        note = f"{len(pieces):,} distinct titles; other labels: {other}"
        peer = "backend onnx, fp32"
        yield row(f"backend {name}", *rates, peer, "texts/s", note, less_is_better=False)


def everything_alike(folder, rows):
    """Whether the default predicts what fp32 predicts, on every distinct title."""
    exported = Exported.open(folder)
    pieces = exported.pieces(rows["title"].unique(maintain_order=True).to_list())
    engines = [open_engine(exported, name) for name in ("auto", "onnx")]
    predicted = [engine.logits(pieces).argmax(axis=1) for engine in engines]
    other = int((predicted[0] != predicted[1]).sum())
    return row(
        "other labels than fp32", other, 0, "onnx, fp32", "texts",
        f"backend {engines[0].name}, {len(pieces):,} distinct titles",
    )  # fmt: skip


def tiny_folder(folder, texts):
    """An exported folder of a tiny random model: what remains is reading and writing."""
    encoder = EncoderSettings("tiny", max_length=32)
    labels = LabelSet(tuple("abcdefghij"))
    classifier = new_classifier(
        encoder, HardwareSettings(), labels, new_tokenizer(encoder, texts), 0
    )
    reading = {"text_fields": ["title"], "separator": " ", "max_length": 32}
    classifier.model.config.wsal = {**reading, "pad_id": 0, "digest": "tiny"}
    classifier.save(folder)
    (folder / "onnx").mkdir()
    write_onnx(classifier, folder / "onnx" / "model.onnx")
    (folder / "labels.json").write_text(str(list(labels.names)).replace("'", '"'))
    (folder / "thresholds.json").write_text('{"classes": {}}')


def memory(rows):
    """Peak of a process that labels 100,000 rows, and 2 million."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, source = Path(scratch, "model"), Path(scratch, "in.csv")
        folder.mkdir()
        tiny_folder(folder, rows["title"].to_list()[:2000])
        peaks = []
        for n in (100_000, 2_000_000):
            wanted = itertools.islice(itertools.cycle(rows["title"].to_list()), n)
            pl.DataFrame({"title": list(wanted)}).write_csv(source)
            peaks.append(in_child("--part", "child", "--model", str(folder), "--data", str(source)))
    note = "tiny random model, backend onnx; peer: the same on 100,000 rows"
    return row("memory, 2,000,000 rows", peaks[1], peaks[0], "wsal", "MiB", note)


def child(folder, source):
    """Label a table and print the peak of memory in MiB."""
    label_table(
        Model(folder, "onnx"), Source.of(source), source.with_suffix(".out.csv"), PredictOptions()
    )
    print(peak_mib())


def started(command, port):
    """A server that answers."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(600):
        time.sleep(0.1)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=1)
        except OSError:
            continue
        return server
    raise SystemExit("the server does not answer")


def free_port():
    """A port that no program uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def servers(folder, rows, seconds, turns):
    """Requests of one text each, by 1, 8 and 64 clients; then a shutdown under load."""
    texts = itertools.cycle(rows["title"].to_list())
    ports = {"wsal": free_port(), "FastAPI + pipeline": free_port()}
    commands = {
        "wsal": [*WSAL, "serve", str(folder), "--port", str(ports["wsal"])],
        "FastAPI + pipeline": [
            sys.executable, str(HERE / "serving_peer.py"), str(folder),
            str(ports["FastAPI + pipeline"]),
        ],
    }  # fmt: skip
    running = {name: started(command, ports[name]) for name, command in commands.items()}
    peer = "FastAPI + pipeline"
    try:
        for port in ports.values():
            load(port, texts, 8, 2)
        for n_clients in (1, 8, 64):
            summaries = {name: [] for name in ports}
            bad = dict.fromkeys(ports, 0)
            for _ in range(turns):
                for name, port in ports.items():
                    found, over = load(port, texts, n_clients, seconds)
                    summaries[name].append(found.summary(over))
                    bad[name] += found.errors + found.lost
            mine, theirs = (np.median(summaries[name], axis=0) for name in ports)
            note = f"half within {mine[1]:.0f} ms, peer {theirs[1]:.0f}; "
            note += f"errors {bad['wsal']}, peer {bad[peer]}"
            what = f"{n_clients} clients"
            yield row(
                what, int(mine[0]), int(theirs[0]), peer, "requests/s", note, less_is_better=False
            )
            yield row(what, round(mine[2], 1), round(theirs[2], 1), peer, "ms, p99")
        at_shutdown = {}
        for name, port in ports.items():
            stop = running[name]
            found, _ = load(port, texts, 64, 6, lambda s=stop: s.send_signal(signal.SIGTERM))
            at_shutdown[name] = (found.lost, len(found.seconds), found.errors)
        lost, n, errors = at_shutdown["wsal"]
        note = f"64 clients go on asking when SIGTERM arrives; {n:,} answered, {errors} errors"
        yield row("requests lost at shutdown", lost, at_shutdown[peer][0], peer, "requests", note)
    finally:
        for server in running.values():
            server.kill()


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--part", choices=("tables", "backends", "memory", "servers", "child"))
    options = parser.parse_args()
    if options.part == "child":
        child(options.model, options.data)
        return
    folder, rows = options.model or model(), catalogue(options.rows)
    found = []
    if options.part in (None, "tables"):
        found += tables(folder, rows, options.turns)
        if open_engine(Exported.open(folder)).exact:
            found.append(everything_alike(folder, rows))
    if options.part in (None, "backends"):
        found += backends(folder, rows, options.turns)
    if options.part in (None, "memory"):
        found.append(memory(rows))
    if options.part in (None, "servers"):
        found += servers(folder, rows, options.seconds, options.turns)
    packages = ["wsal", "torch", "transformers", "onnxruntime", "openvino", "fastapi", "uvicorn"]
    show("prediction", found, packages, machine())


if __name__ == "__main__":
    main()
