"""What the README and the pages of the site say is so: their code runs, their tables are true.

Every block fenced as ``python`` runs against an embedded gateway, in the environment a reader
would have set up: ``KILOCODE_BASE_URL`` and ``KILOCODE_API_KEY``. ``await`` may stand at the
top level, as in ``python -m asyncio``. Attributes after the language say what is special:

- ``{.continues}``: needs the names of the block before it.
- ``{.not-run}``: not complete or not possible here; it must compile all the same.
- ``{.openai}``: needs the ``openai`` package.
- ``{.config}``: needs the extra ``config``.
- on a ``text`` block, ``{.output}``: exactly what the block before it prints.

A block that includes an example file is left to ``test_examples.py``.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import kilo_sdk
from kilo_sdk import KiloClient, ModelRef, OutgoingRequest, RetryPolicy, Timeouts, emulator, errors
from kilo_sdk.emulator import Fault, LocalGateway, faults
from kilo_sdk.middleware.replay import ReplaySanitation
from kilo_sdk.middleware.thought_signatures import ThoughtSignatureSanitation
from kilo_sdk.types.reasoning import REASONING_LEVELS, effort_for_level

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

FENCE = re.compile(r"^```(?P<language>\w*)(?: \{(?P<classes>[^}]*)\})?$")
ATTRIBUTES = {".config", ".continues", ".not-run", ".openai", ".output"}


@attrs.frozen
class Block:
    """One fenced block.

    Attributes:
        page: Path of the page, from the root of the repository.
        line: Line of its first line of code, from 1.
        language: The word after the fence.
        classes: The attributes, such as ``.continues``.
        code: What stands inside.
    """

    page: str
    line: int
    language: str
    classes: frozenset[str]
    code: str


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks_of(page: Path) -> Iterator[Block]:
    name = page.relative_to(ROOT).as_posix()
    inside: re.Match[str] | None = None
    start, code = 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if inside is None:
            if line.startswith("```"):
                inside = FENCE.match(line)
                assert inside, f"{name}:{number}: this fence cannot be read: {line}"
                start, code = number + 1, []
        elif line == "```":
            classes = frozenset((inside["classes"] or "").split())
            yield Block(name, start, inside["language"], classes, "\n".join(code))
            inside = None
        else:
            code.append(line)
    assert inside is None, f"{name}: a block is not closed"


def chains() -> list[list[Block]]:
    """Blocks that run together: one, those that continue it, and what they print."""
    found: list[list[Block]] = []
    for page in pages():
        for block in blocks_of(page):
            assert block.classes <= ATTRIBUTES, block
            follows = bool(block.classes & {".continues", ".output"})
            if follows:
                assert found, block
                assert found[-1][0].page == block.page, f"{block} follows nothing"
                found[-1].append(block)
            elif block.language == "python" and not block.code.startswith("--8<--"):
                found.append([block])
    return found


def compiled(block: Block) -> Any:
    # Empty lines before it make tracebacks point at the line of the page.
    source = "\n" * (block.line - 1) + block.code
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(source, block.page, "exec", flags=flags, dont_inherit=True)


@pytest.mark.parametrize("chain", chains(), ids=lambda chain: f"{chain[0].page}:{chain[0].line}")
async def test_the_code_of_a_page_runs(
    chain: list[Block], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for block in chain:
        if ".openai" in block.classes:
            pytest.importorskip("openai")
        if ".config" in block.classes:
            pytest.importorskip("pyjson5")
    async with LocalGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", "any-key")
        names: dict[str, object] = {"__name__": "__docs__"}
        printed = ""
        for block in chain:
            if block.language == "text":
                assert printed == block.code + "\n", f"{block.page}:{block.line}"
                continue
            code = compiled(block)
            if ".not-run" not in block.classes:
                pending = eval(code, names)
                if inspect.isawaitable(pending):
                    await pending
            printed = capsys.readouterr().out


def test_every_module_has_its_room_in_the_house() -> None:
    package = Path(kilo_sdk.__file__).parent
    table = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in package.glob("*.py") if not path.name.startswith("_")}
    rooms |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {room for room in rooms if f"`{room}`" not in table} == set()


def test_every_page_is_read() -> None:
    assert len(chains()) > 20


def test_the_error_tree_of_the_reference_is_that_of_the_module() -> None:
    module = inspect.getdoc(errors) or ""
    tree = module[module.index("    KiloError") : module.index("\n\nEvery class")]
    shown = [block.code for block in blocks_of(REFERENCE / "errors.md")]
    assert textwrap.dedent(tree).rstrip() in shown


def reference_names() -> set[str]:
    words = set[str]()
    for page in REFERENCE.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for quoted in re.findall(r"`([^`\n]+)`", text):
            words.update(re.findall(r"\w+", quoted))
        for block in blocks_of(page):
            words.update(re.findall(r"\w+", block.code))
    return words


def test_every_public_name_is_in_the_reference() -> None:
    public = {*kilo_sdk.__all__, *emulator.__all__}
    assert public - reference_names() == set()


def test_every_argument_of_the_front_door_is_in_the_reference() -> None:
    client = KiloClient()
    callables = (KiloClient, client.chat.completions.create, LocalGateway)
    arguments = {name for one in callables for name in inspect.signature(one).parameters}
    assert arguments - reference_names() == set()


def test_every_fault_word_is_in_the_reference() -> None:
    page = (REFERENCE / "emulator.md").read_text(encoding="utf-8")
    grammar = inspect.getdoc(faults) or ""
    words = re.findall(r"^``([^`]+)``", grammar, re.MULTILINE)
    assert len(words) > 20
    assert [word for word in words if f"`{word}`" not in page] == []


def test_every_fault_of_the_pages_can_be_read() -> None:
    for page in pages():
        for text in re.findall(r"fault=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
            assert Fault.parse(text)


def test_every_environment_variable_is_in_the_reference() -> None:
    package = Path(kilo_sdk.__file__).parent
    read = {
        name
        for module in package.rglob("*.py")
        for name in re.findall(r"\"(KILO(?:CODE)?_[A-Z_]+)\"", module.read_text(encoding="utf-8"))
    }
    assert {"KILOCODE_API_KEY", "KILOCODE_BASE_URL"} <= read
    page = (REFERENCE / "environment-variables.md").read_text(encoding="utf-8")
    assert {name for name in read if f"`{name}`" not in page} == set()


def table_rows(page: Path) -> dict[str, list[str]]:
    """Rows of the tables of a page, by the name in backticks that begins them."""
    rows: dict[str, list[str]] = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            rows.setdefault(cells[0].split("`")[1], cells[1:])
    return rows


@pytest.mark.parametrize(
    ("page", "value"), [("timeouts.md", Timeouts()), ("retries-and-fallback.md", RetryPolicy())]
)
def test_a_table_of_defaults_is_true(page: str, value: Timeouts | RetryPolicy) -> None:
    rows = table_rows(DOCS / "how-to" / page)
    told = {field.name: rows[field.name][0] for field in attrs.fields(type(value))}
    actual = attrs.asdict(value)
    assert told == {
        name: "none" if limit is None else f"{limit:g}" for name, limit in actual.items()
    }


def test_the_table_of_reasoning_levels_is_true() -> None:
    rows = table_rows(DOCS / "how-to" / "reasoning-and-replay.md")
    told = {level: rows[level][0] for level in REASONING_LEVELS}
    sent = {level: effort_for_level(level) for level in REASONING_LEVELS}
    assert told == {
        level: f"`{effort}`" if effort else "nothing is added" for level, effort in sent.items()
    }


def test_the_table_of_what_is_left_out_of_a_history_is_true() -> None:
    text = {"type": "reasoning.text", "text": "x"}
    history: list[Any] = [
        {"role": "assistant", "reasoning_details": [text, 7]},
        {"role": "assistant", "reasoning_details": [{**text, "signature": "s"}] * 2},
        {"role": "assistant", "reasoning_details": "x"},
        {"role": "assistant", "reasoning": "x"},
        {"role": "user", "content": [{"thought_signature": "msg_1"}, {"thoughtSignature": "!"}]},
    ]
    request = OutgoingRequest(
        ref=ModelRef.parse("a/gemini"), url="", headers={}, payload={"messages": history}
    )
    ReplaySanitation().on_request(request)
    ThoughtSignatureSanitation().on_request(request)
    page = (DOCS / "how-to" / "reasoning-and-replay.md").read_text(encoding="utf-8")
    table = page.partition("| `reason` | Level |")[2].partition("\n\n")[0]
    told = {
        reason: row.rstrip(" |").endswith("warning")
        for row in table.splitlines()
        for reason in re.findall(r"`([^`]+)`", row)
    }
    assert told == {part.reason: part.malformed for part in request.dropped}
    assert len(told) == 7
