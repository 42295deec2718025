"""How an answer lies in Redis, and the scripts that change it: each one whole, or not at all.

    PREFIX{STREAM}:meta   hash: writer, owner where there is one, seq, state once it ended
    PREFIX{STREAM}:log    stream: entry SEQ-0 holds the events up to that sequence number
    PREFIX{STREAM}:alive  there while its writer is
    PREFIX{STREAM}:watch  there while someone reads it in another process
    PREFIXcancel          channel: streams whose writer is asked to stop

The braces keep the keys of one answer on one node of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import orjson

from kilo_sdk.relay.encoding import json_bytes
from kilo_sdk.relay.events import RelayEvent, event_from_fields, fields_of

__all__ = [
    "APPEND",
    "BURY",
    "CREATE",
    "FENCED",
    "HEARTBEAT",
    "RedisKeys",
    "entries_of",
    "packed",
    "unpacked",
]

FENCED: Final = -1
"""What the scripts return to a writer that is none any more."""

CREATE: Final = """
if redis.call('HSETNX', KEYS[1], 'writer', ARGV[1]) == 0 then return 0 end
if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'owner', ARGV[3]) end
redis.call('HSET', KEYS[1], 'seq', 0)
redis.call('SET', KEYS[3], '', 'PX', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""

# A batch goes behind what it was cut to follow, or not at all. Nobody knows whether one arrived
# whose reply was lost, and a Redis that took another's place may lack some that did: so the writer
# is told how far the log goes, and goes on from there. And whether someone reads elsewhere: an
# answer that never pauses has no heartbeats.
APPEND: Final = """
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then return {-1, 0} end
local seq, state = redis.call('HGET', KEYS[1], 'seq'), redis.call('HGET', KEYS[1], 'state')
if state then
  if seq ~= ARGV[6] or state ~= ARGV[8] then return {-1, 0} end
  return {redis.call('EXISTS', KEYS[4]), tonumber(seq)}
end
redis.call('SET', KEYS[3], '', 'PX', ARGV[5])
if seq == ARGV[2] then
  seq = ARGV[6]
  redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[7])
  redis.call('HSET', KEYS[1], 'seq', seq)
  if ARGV[8] ~= '' then
    redis.call('HSET', KEYS[1], 'state', ARGV[8])
    redis.call('DEL', KEYS[3])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {redis.call('EXISTS', KEYS[4]), tonumber(seq)}
"""

HEARTBEAT: Final = """
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then return -1 end
if redis.call('HEXISTS', KEYS[1], 'state') == 1 then return -1 end
redis.call('SET', KEYS[3], '', 'PX', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return redis.call('EXISTS', KEYS[4])
"""

# Whoever reads and finds the writer dead ends the answer for all. Tells whether it is over: a log
# that Redis has lost, or the end of, tells nothing by itself.
BURY: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
if redis.call('HEXISTS', KEYS[1], 'state') == 1 then return 1 end
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local seq = redis.call('HGET', KEYS[1], 'seq') + 1
redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[1])
redis.call('HSET', KEYS[1], 'seq', seq, 'state', 'cut')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""


@attrs.frozen
class RedisKeys:
    """The keys of one answer.

    Attributes:
        meta: A hash.
        log: A stream.
        alive: Expires with the writer.
        watch: Expires with the readers elsewhere.
    """

    meta: str
    log: str
    alive: str
    watch: str

    @classmethod
    def of(cls, prefix: str, stream: str) -> RedisKeys:
        """Return the keys of a stream."""
        root = f"{prefix}{{{stream}}}:"
        return cls(f"{root}meta", f"{root}log", f"{root}alive", f"{root}watch")

    @property
    def all(self) -> list[str]:
        """In the order in which the scripts take them."""
        return [self.meta, self.log, self.alive, self.watch]


def packed(events: Sequence[RelayEvent]) -> bytes:
    """Return events as the text of one entry."""
    return json_bytes([fields_of(event) for event in events])


def unpacked(data: bytes) -> list[RelayEvent]:
    """Read what ``packed`` returned.

    Raises:
        ValueError: It is something else, or of another version.
    """
    return [event_from_fields(fields) for fields in orjson.loads(data)]


def entries_of(reply: Any) -> Iterator[tuple[int, bytes]]:
    """Yield sequence number and text of the entries in an answer to XREAD of one stream."""
    if not reply:
        return
    # A list of pairs in RESP2, an object of lists in RESP3.
    if isinstance(reply, dict):
        ((entries,),) = reply.values()
    else:
        ((_, entries),) = reply
    for id_, fields in entries:
        yield int(_bytes(id_).partition(b"-")[0]), _bytes(next(iter(fields.values())))


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
