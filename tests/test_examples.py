"""Every example runs with no key and no network, and prints what it is there to show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_sdk

EXAMPLES = Path(__file__).parents[1] / "examples"

FILLER = (
    "The river runs past the old mill and on to the sea. "
    "Nobody had counted the swallows under its roof that year."
)

PRINTED = {
    "cancel": """\
left after: 'You'
deadline, with text: True
cancelled
left early: [True, True, True] answers sent whole: 0
""",
    "custom_transport": f"""\
You said: Say hi. {FILLER}
local/llama-3 is served by local-server
openai/gpt-4.1 is served by proxy-openai
""",
    "errors_and_fallback": """\
tries: ['0', '1', '2']
answered by: kilocode/anthropic/claude-sonnet-4
asked last: acme/second notes: 1
balance: -0.12 see https://app.kilo.ai/credits
cut after: 'You said: Hi', which is what was shown: True
""",
    "find_a_model": """\
x-ai/grok-code-fast-1 costs 0.2 USD per million input tokens
openai/gpt-5 costs 1.25 USD per million input tokens
google/gemini-3-pro-preview costs 2 USD per million input tokens
asked x-ai/grok-code-fast-1 and got: You said: Say
served by xAI
no model openai/gpt5 in the gateway's model list; did you mean openai/gpt-5, openai/gpt-4.1?
""",
    "multiple_streams": """\
answers: 50 at once: 50
gathered: ['str', 'NotFoundError']
""",
    "quickstart": """\
You said: Why is the sky blue?. The river
finish reason: length
tokens: 46 cost: 0.00057 USD
""",
    "reasoning_replay": f"""\
kilocode/anthropic/claude-sonnet-4: The weather returned: weather: sunny, 21 degrees. {FILLER}
kilocode/google/gemini-3-pro-preview: The weather returned: weather: sunny, 21 degrees. {FILLER}
kilocode/anthropic/claude-sonnet-4: The weather returned: weather: sunny, 21 degrees. {FILLER}
requests: 6
refused: 0
refused by Anthropic: messages.1.content.0: Invalid signature in thinking block
""",
    "relay": """\
client: the socket is lost
server: the answer ended as done
client: goes on after what it had: True
client: You said: Tell me a story in 60 words.. The river  ...
server: the answer ended as cancelled
client: stopped, with usage: ['completion_tokens', 'estimated', 'prompt_tokens', 'total_tokens']
gateway: asked 2 times, answered whole: 1
""",
    "request_middleware": """\
refused: the budget of this run is spent
['system', 'user'] 16 left: 1
['system', 'user'] 16 left: 0
""",
    "response_middleware": """\
You said: Card #### ####, #
characters: 27 and 27
""",
    "slow_and_cut": """\
slow:
  try 2: answered
  try 1: lost
  You said: Hi ... sent: 2
cut:
  try 1: answered
  try 1: continue
  try 2: answered
  You said: Count the swallows, 20 tokens. The river runs past the old mill and on to
  whole: stop
""",
    "stream_events": """\
reasoning: 'The'
reasoning: ' user'
reasoning: ' says'
reasoning: ':'
reasoning: ' Say'
reasoning: ' it'
text: 'You'
text: ' said'
text: ':'
text: ' Say'
usage: 10 tokens, 6 reasoning
finished: stop
---
usage: 7 tokens, 0 reasoning
tool call: current_time {'city': 'some city'}
finished: tool_calls
""",
    "stream_text": f"""\
You said: Tell me a story in 40 words.. {FILLER} By the evening the
finish reason: stop
""",
    "tools": f"""\
calling weather {{"city":"Oslo"}}
user: Do I need an umbrella in Oslo?
assistant: (tool calls)
tool: Oslo: 7 degrees, rain
assistant: The weather returned: Oslo: 7 degrees, rain. {FILLER}
""",
    "think_tags": """\
as it comes: '<think>The user says: Why is</think>\\n\\nYou said: Why is the'
reasoning: The user says: Why is
text: You said: Why is the
""",
}


def test_every_example_is_run() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(PRINTED)


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example_prints_what_it_is_there_to_show(name: str) -> None:
    package = Path(kilo_sdk.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "PYTHONPATH": str(package), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PRINTED[name]
