"""One command per chore: ``nox -s lint``, ``types``, ``tests``, ``docs``, ``bench``.

What a session installs comes from the dependency groups of pyproject.toml, and the Pythons
that are tested come from its classifiers: nothing is listed twice.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "tests", "tests_bare", "docs"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
OLDEST = PYTHONS[0]
MIDDLE = PYTHONS[len(PYTHONS) // 2]

# What tests_bare leaves to the other test sessions.
BESIDE_THE_CORE = ["bench", "cli", "config", "emulator", "faults", "integration", "relay"]

# Calls as callers write them: checked by the type checkers, never run.
TYPING_TESTS = "tests/typing_api.py"


def install(session: nox.Session, *packages: str, groups: tuple[str, ...] = ()) -> None:
    """Install packages and dependency groups in one go, so that they are resolved together."""
    session.install(*packages, *nox.project.dependency_groups(PYPROJECT, *groups))


def build_wheel(session: nox.Session) -> str:
    """Build the wheel that would be published; returns its path."""
    session.install("build")
    out = Path(session.create_tmp()) / "wheel"
    for stale in out.glob("*.whl"):
        stale.unlink()
    session.run("python", "-m", "build", "--wheel", "--outdir", str(out), silent=True)
    (wheel,) = out.glob("*.whl")
    return str(wheel)


def install_wheel(session: nox.Session, extras: str = "", groups: tuple[str, ...] = ()) -> None:
    """Install the built wheel, afresh even where its version is installed already."""
    wheel = build_wheel(session)
    install(session, wheel + extras, groups=groups)
    session.install("--force-reinstall", "--no-deps", wheel)


def pytest_on_the_wheel(session: nox.Session, *args: str) -> None:
    """Run pytest so that ``kilo_sdk`` is what is installed, not what lies in the tree."""
    session.run("pytest", "-o", "pythonpath=tests/support", *args, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, and which module may import which."""
    install(session, groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """The package, and calls as callers write them, under mypy strict and pyright."""
    install(session, "-e", ".[cli]", groups=("types",))
    targets = ["kilo_sdk", *([TYPING_TESTS] if Path(TYPING_TESTS).exists() else [])]
    session.run("mypy", *targets)
    session.run("pyright", *targets)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests on the built wheel, per supported Python; locally a missing one is skipped."""
    install_wheel(session, "[cli]", groups=("test",))
    pytest_on_the_wheel(session)


@nox.session(python=MIDDLE)
def tests_bare(session: nox.Session) -> None:
    """The wheel with no extra: it imports with nothing else there, and its core works."""
    install_wheel(session)
    session.run(
        "python", "-I", "-W", "error", "-c", "import kilo_sdk, kilo_sdk.emulator, kilo_sdk.relay"
    )
    install(session, groups=("test",))
    pytest_on_the_wheel(session, *(f"--ignore=tests/{part}" for part in BESIDE_THE_CORE))


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into site/; a broken link or an unlisted page is an error."""
    install(session, groups=("docs",))
    # The theme announces other software on every run.
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def security(session: nox.Session) -> None:
    """What bandit finds suspicious in the package, from medium severity on; nothing may be."""
    install(session, groups=("security",))
    # B102 and B301: ruff asks each exec and pickle for its reason (S102, S301). B615: a function
    # of our own has the name of another library's.
    session.run("bandit", "-q", "-ll", "-s", "B102,B301,B615", "-r", "kilo_sdk", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Known weaknesses of what the package installs, as PyPI tells them: needs the network."""
    session.install(".[cli,disk-cache,keyring]")
    requirements = Path(session.create_tmp()) / "installed.txt"
    installed = session.run("python", "-m", "pip", "list", "--format=freeze", silent=True) or ""
    ours = ("kilo-sdk", "kilo_sdk", "pip=", "setuptools=")
    lines = [line for line in installed.splitlines() if not line.startswith(ours)]
    requirements.write_text("\n".join(lines) + "\n")
    install(session, groups=("audit",))
    session.run(
        "pip-audit", "--disable-pip", "--no-deps", "-r", str(requirements), *session.posargs
    )


@nox.session
def soak(session: nox.Session) -> None:
    """Five minutes of streams under faults, with a tally; arguments after -- go to it."""
    install(session, "-e", ".", groups=("test",))
    session.run("python", "tests/support/soak.py", *session.posargs)


@nox.session(python=OLDEST)
def fuzz(session: nox.Session) -> None:
    """A minute of atheris on parser, decoding and error mapping; arguments after -- go to each."""
    install(session, "-e", ".", "atheris")
    for target in ("sse", "chunks", "errors"):
        session.run("python", "tests/support/run_fuzz.py", target, *session.posargs)


@nox.session
def conversations(session: nox.Session) -> None:
    """A thousand conversations against verified signatures; arguments after -- go to it."""
    install(session, "-e", ".", groups=("test",))
    session.run("python", "tests/support/talk.py", *session.posargs)


@nox.session(python=OLDEST)
def ray(session: nox.Session) -> None:
    """Generators on a local Ray cluster, which is too large for every test run."""
    install(session, "-e", ".[bench-ray]", groups=("test",))
    session.run("pytest", "tests/bench/test_ray_workers.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, side by side with peers; arguments after -- go to them."""
    install(session, "-e", ".[fast]", groups=("bench",))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def bench_gate(session: nox.Session) -> None:
    """Instructions per event, completion and relayed token: they must not grow; needs valgrind."""
    install(session, "-e", ".")
    session.run("python", "-m", "benchmarks.instructions", "--check", *session.posargs)


@nox.session
def bench_generators(session: nox.Session) -> None:
    """What a chunk costs load generators, ours beside guidellm and aiperf; about ten minutes."""
    install(session, "-e", ".[bench]", groups=("bench-peers",))
    session.run("python", "-m", "benchmarks.generators", *session.posargs)


@nox.session
def bench_short(session: nox.Session) -> None:
    """The benchmarks in a run short enough to notice that they broke; its numbers mean little."""
    install(session, "-e", ".[fast]", groups=("bench",))
    session.run("python", "-m", "benchmarks", "--short", *session.posargs)


@nox.session
def bench_relay(session: nox.Session) -> None:
    """The relay beside a hand-written one on the same server; arguments after -- go to it."""
    install(session, "-e", ".", groups=("bench",))
    session.run("python", "-m", "benchmarks.relay", *session.posargs)


@nox.session
def bench_crowd(session: nox.Session) -> None:
    """How late tokens come when one core serves 5,000 sockets; arguments after -- go to it."""
    install(session, "-e", ".[fast]", groups=("bench",))
    session.run("python", "-m", "benchmarks.relay_crowd", *session.posargs)
