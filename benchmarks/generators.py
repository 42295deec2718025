"""CPU time per streamed chunk of load generators, as their users run them.

    python -m benchmarks.generators                   # peers beside this Python
    python -m benchmarks.generators --peers DIR/bin   # peers in an environment of their own
    python -m benchmarks.generators --short           # whether it works; its numbers mean little

Every generator is a process (with whatever processes it starts) that loads one replay server
twice, with few and with many requests. The difference in CPU time by the difference in chunks
leaves out what starting and reporting cost. All of them run with their default metrics and
without a network; a made-up tokenizer serves those that insist on one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import orjson

from benchmarks.server_process import replay_server

MODEL = "replay/model"


@attrs.frozen
class Load:
    """What all generators do.

    Attributes:
        title: What the table says.
        path: What the replay server is asked for.
        chunks: Chunks of one answer.
        streams: How many run at once.
        few: Requests of the short run.
        many: Requests of the long one.
        share: Most that ours may take of a peer's CPU time.
    """

    title: str
    path: str
    chunks: int
    streams: int
    few: int
    many: int
    share: float


LOADS = (
    Load("50 chunks per read", "stream/5000/50/0", 5000, 10, 20, 100, 1 / 5),
    Load("1 chunk per read", "stream/500/1/4", 500, 50, 50, 250, 1 / 2),
)


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of a few words in the form that transformers loads."""
    words = {word: number for number, word in enumerate(["[UNK]", *(f"w{n}" for n in range(999))])}
    whole = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "[UNK]",
        "bos_token": "[UNK]",
        "eos_token": "[UNK]",
    }
    (folder / "tokenizer.json").write_bytes(orjson.dumps(whole))
    (folder / "tokenizer_config.json").write_bytes(orjson.dumps(settings))


def commands(load: Load, root: str, requests: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command of every generator."""
    url = f"{root}{load.path}"
    yield (
        "kilo-sdk bench",
        [
            *[sys.executable, "-m", "kilo_sdk", "bench", "run", "-m", MODEL],
            *["--base-url", f"{url}/", "--load", f"concurrency:{load.streams}"],
            *["--requests", str(requests), "--output-tokens", "any"],
        ],
    )
    yield (
        "guidellm",
        [
            *["guidellm", "run", "--backend", f"kind=openai_http,target={url},model={MODEL}"],
            *["--profile", f"kind=concurrent,streams={load.streams}"],
            *["--constraint", f"kind=max_requests,count={requests}"],
            *["--tokenizer", f"kind=hf_auto,model={folder}", "--disable-console-interactive"],
            *["--data", "kind=synthetic_text,prompt_tokens=20,output_tokens=20"],
        ],
    )
    yield (
        "aiperf",
        [
            *["aiperf", "profile", "-m", MODEL, "--url", url, "--endpoint-type", "chat"],
            *["--streaming", "--concurrency", str(load.streams), "--ui", "none"],
            *["--request-count", str(requests), "--tokenizer", str(folder)],
            *["--synthetic-input-tokens-mean", "20", "--output-artifact-dir", str(folder / "out")],
        ],
    )


def cpu_seconds(command: list[str], folder: Path) -> float | None:
    """Run a generator to its end; returns the CPU time of all its processes, None if it failed."""
    log = folder / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KILOCODE_API_KEY": "key", "PYTHONPATH": os.getcwd()},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(f"{command[0]} failed: {log.read_text(errors='replace')[-800:]}", file=sys.stderr)
        return None
    return usage.ru_utime + usage.ru_stime


def measure(load: Load, root: str, peers: Path, folder: Path) -> dict[str, float]:
    """Return CPU microseconds per chunk by generator; those that are not there are left out."""
    found = {}
    short, long = (dict(commands(load, root, count, folder)) for count in (load.few, load.many))
    for name, command in short.items():
        program = shutil.which(command[0], path=f"{peers}{os.pathsep}{os.defpath}")
        if program is None:
            print(f"{name} is not installed in {peers}", file=sys.stderr)
            continue
        seconds = [
            cpu_seconds([program, *arguments[1:]], folder) for arguments in (command, long[name])
        ]
        if None not in seconds:
            before, after = (each or 0.0 for each in seconds)
            chunks = (load.many - load.few) * load.chunks
            found[name] = (after - before) / chunks * 1e6
    return found


def main() -> None:
    """Measure every generator under every load, and say where ours falls short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generators", description=__doc__)
    beside = Path(sys.executable).parent
    parser.add_argument("--peers", type=Path, default=beside, help="where guidellm and aiperf are")
    parser.add_argument("--only", default="", help="loads whose title has this in it")
    parser.add_argument("--short", action="store_true", help="few requests")
    arguments = parser.parse_args()
    print(f"{'CPU microseconds per chunk':28}{'':18}{'ours / theirs':>24}{'at most':>9}")
    with replay_server() as root, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_tokenizer(folder)
        for load in LOADS:
            if arguments.only not in load.title:
                continue
            if arguments.short:
                load = attrs.evolve(load, streams=2, few=2, many=6)
            figures = measure(load, root, arguments.peers, folder)
            ours = figures.get("kilo-sdk bench")
            for name, figure in figures.items():
                line = f"{load.title:28}{name:18}{figure:9.2f}"
                if ours is not None and name != "kilo-sdk bench":
                    share = ours / figure
                    verdict = "" if share <= load.share else "  falls short"
                    line += f"{share:15.2f}{load.share:9.2f}{verdict}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
