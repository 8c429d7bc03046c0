"""
The wire as it is written down in `proto/` and as Python speaks it: the same names, every value there and back, and the
bytes of this release as they were (golden vectors), so that releases understand each other.
"""

import dataclasses
import subprocess
import sys
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from apibench.model.aggregation import Fate, RunFacts, RunUpdate, SegmentFacts
from apibench.model.batch import BatchRange, IntervalAck, IntervalBatch, IntervalSum, Pushed
from apibench.model.control import ControllerMessage, Heartbeat, Hello, Lease, Prepare, Propose, SetUp, WorkerMessage
from apibench.model.host_sample import HostSample
from apibench.model.ledger import Ledger, Revision
from apibench.model.load import Rate
from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE, Cut, Share
from apibench.model.worker import SegmentPhase, SegmentStatus, WorkerFacts
from apibench.wire import messages
from apibench.wire.codec import FILES, Malformed, codec_of
from apibench.wire.messages import ACKNOWLEDGED, CONTROLLER_SAYS, PUSHED, WORKER_SAYS

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"

SAID: list[type] = [
    *typing.get_args(WorkerMessage),
    *typing.get_args(ControllerMessage),
    *typing.get_args(Pushed),
    IntervalAck,
]
CALLS = [each for each in vars(messages).values() if isinstance(each, type) and each.__module__ == messages.__name__]
RANGES = {
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
CUTS = st.tuples(*[st.integers(0, 2**64 - 1)] * 2).map(lambda ends: Cut(min(ends), max(ends)))
RATES = st.builds(Rate, count=st.integers(0, 10_000), per_ns=st.integers(1_000_000, 10**15))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a message can hold."""
    if kind is Cut:
        return CUTS
    if kind is Rate:
        return RATES
    descriptor, hints = codec_of(kind).descriptor, typing.get_type_hints(kind)
    return st.builds(
        kind,
        **{
            each.name: held_by(hints[each.name], descriptor.fields_by_name[each.name])
            for each in dataclasses.fields(kind)
        },
    )


def held_by(hint: Any, field: FieldDescriptor) -> st.SearchStrategy[Any]:
    words = typing.get_args(hint)
    if type(None) in words:
        return st.none() | held_by(words[0], field)
    if typing.get_origin(hint) is tuple and words[-1] is Ellipsis:
        return st.lists(held_by(words[0], field), max_size=3).map(tuple)
    if typing.get_origin(hint) is tuple:
        assert field.message_type is not None
        return st.tuples(*map(held_by, words, field.message_type.fields))
    if typing.get_origin(hint) is Mapping and field.message_type is None:
        return st.dictionaries(TEXT, JSON, max_size=3)
    if typing.get_origin(hint) is Mapping:
        assert field.message_type is not None
        entry = field.message_type.fields_by_name
        return st.dictionaries(held_by(words[0], entry["key"]), held_by(words[1], entry["value"]), max_size=3)
    if dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel):
        return values_of(hint)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    if hint is int:
        return st.integers(*RANGES[field.type])
    simple: dict[type, st.SearchStrategy[Any]] = {str: TEXT, bytes: st.binary(max_size=50), bool: st.booleans()}
    return simple[hint]


@pytest.mark.parametrize("kind", [*SAID, *CALLS], ids=lambda kind: kind.__name__)
def test_every_value_of_every_message_comes_back_as_it_went(kind: Any) -> None:
    @given(value=values_of(kind))
    def comes_back(value: Any) -> None:
        assert codec_of(kind).from_bytes(codec_of(kind).to_bytes(value)) == value

    comes_back()


@pytest.mark.parametrize(
    ("envelope", "kinds"),
    [
        (WORKER_SAYS, typing.get_args(WorkerMessage)),
        (CONTROLLER_SAYS, typing.get_args(ControllerMessage)),
        (PUSHED, typing.get_args(Pushed)),
        (ACKNOWLEDGED, (IntervalAck,)),
    ],
    ids=["worker", "controller", "pushed", "acknowledged"],
)
def test_every_kind_has_its_place_in_its_envelope_and_no_place_is_without(
    envelope: Any, kinds: tuple[type, ...]
) -> None:
    assert {field.message_type.name for field in envelope.descriptor.fields} == {kind.__name__ for kind in kinds}

    @given(value=st.one_of(*map(values_of, kinds)))
    def comes_back(value: Any) -> None:
        assert envelope.from_bytes(envelope.to_bytes(value)) == value

    comes_back()
    assert envelope.from_bytes(b"") is None
    assert envelope.from_bytes(b"\xa2\x06\x00") is None  # of a kind that has the number 100


def all_kinds(kind: Any) -> typing.Iterator[Any]:
    """A class, and those of its fields."""
    yield kind
    hints = list(typing.get_type_hints(kind).values()) if dataclasses.is_dataclass(kind) else []
    while hints:
        hint = hints.pop()
        hints.extend(typing.get_args(hint))
        if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, BaseModel)):
            yield from all_kinds(hint)


EVERY_KIND = {each.__name__: each for kind in [*SAID, *CALLS] for each in all_kinds(kind)}


@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_class_and_its_message_have_the_same_fields(name: str) -> None:
    kind = EVERY_KIND[name]
    fields = (
        list(kind.model_fields) if issubclass(kind, BaseModel) else [each.name for each in dataclasses.fields(kind)]
    )
    assert [field.name for field in codec_of(kind).descriptor.fields] == fields


def test_no_message_is_without_its_class() -> None:
    envelopes = {"AttachRequest", "AttachResponse", "PushRequest", "PushResponse"}
    seen: set[str] = set()
    files = list(FILES)
    while files:
        file = files.pop()
        files.extend(file.dependencies)
        seen.update(file.message_types_by_name)
    assert seen == set(EVERY_KIND) | envelopes | {"SegmentName"}


@pytest.mark.parametrize("name", EVERY_KIND)
def test_what_is_not_said_is_as_it_is_by_default(name: str) -> None:
    """A default that is not the wire's own zero needs a field that tells absent from zero."""
    kind = EVERY_KIND[name]
    if issubclass(kind, BaseModel):
        return
    for each in dataclasses.fields(kind):
        field = codec_of(kind).descriptor.fields_by_name[each.name]
        may_differ = each.default not in (dataclasses.MISSING, 0, "", b"", False, ())
        assert field.has_presence or field.is_repeated or not may_differ, each.name


def test_an_earlier_release_that_does_not_say_a_field_means_its_default() -> None:
    assert codec_of(WorkerFacts).from_bytes(b"").cpus == 1
    assert codec_of(WorkerFacts).from_bytes(b"").protocol == 1
    assert codec_of(SegmentFacts).from_bytes(b"").fate is Fate.LIVE
    assert codec_of(SegmentFacts).from_bytes(b"").batches is None
    assert codec_of(Prepare).from_bytes(b"").on_lost_control == "stop"
    assert codec_of(IntervalBatch).from_bytes(b"").host == HostSample()
    assert codec_of(IntervalAck).from_bytes(b"").keep_from is None


def test_a_later_release_that_says_a_field_more_is_understood() -> None:
    more = codec_of(Heartbeat).to_bytes(Heartbeat(1, 2)) + b"\xa0\x06\x07"  # field 100 is 7
    assert codec_of(Heartbeat).from_bytes(more) == Heartbeat(1, 2)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (Hello, b"\xff", "no Hello"),
        (SegmentStatus, b"\x1a\x04what", "`what` is no SegmentPhase"),
        (Cut, b"\x09" + b"\x05" + bytes(7), "no interval of the ring"),
        (Rate, b"\x08\x01", "greater than or equal to 1"),
        (RunUpdate, b"\x1a\x01{", "no JSON"),
        (Lease, b"\x12\x04\x0a\x02\xff\xff", "no Lease"),  # text that is no UTF-8
    ],
)
def test_what_can_t_be_is_malformed(kind: Any, data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        codec_of(kind).from_bytes(data)


@given(data=st.binary(max_size=200))
def test_no_bytes_at_all_break_the_reader(data: bytes) -> None:
    for envelope in (WORKER_SAYS, CONTROLLER_SAYS, PUSHED, ACKNOWLEDGED):
        try:
            envelope.from_bytes(data)
        except Malformed:
            continue


WORKER_1 = WorkerFacts("w1", "i1", "1.2.3", 1, "eu", {"zone": "a"}, 4, 8 << 30, 65_536, 28_232, ("http/1.1", "h2"))
FASTER = RateChange(0, 7_000_000_000, Rate(count=500, per_ns=1_000_000_000))
HALVES = (Share((Cut(0, 2**63 - 1),)), Share((Cut(2**63, 2**64 - 1),)))
GOLDEN_VALUES: dict[str, tuple[Any, Any]] = {
    "hello": (
        WORKER_SAYS,
        Hello(WORKER_1, (SegmentStatus("r1", 2, SegmentPhase.FENCED, 3, -4, 5, 4, final=True, detail="its lease"),)),
    ),
    "heartbeat": (WORKER_SAYS, Heartbeat(9, 123_456_789_012, (SegmentStatus("r1", 2, SegmentPhase.RUNNING, 1),))),
    "lease": (CONTROLLER_SAYS, Lease(9, (("r1", 2), ("r2", 0)))),
    "prepare": (
        CONTROLLER_SAYS,
        Prepare("r1", 2, '{"version":1}', "ab12", "aggregator:8092", WHOLE, 2, ("10.0.0.0/8",), "finish"),
    ),
    "prepare_code": (
        CONTROLLER_SAYS,
        Prepare("r1", 2, '{"version":1}', "ab12", "", WHOLE, bundle='{"manifest":{}}'),
    ),
    "set_up_code": (CONTROLLER_SAYS, SetUp("r1", 2, '{"version":1}', "ab12", (), '{"manifest":{}}')),
    "propose": (CONTROLLER_SAYS, Propose("r1", 2, 3, 7_000_000_000, Share((Cut(0, 9), Cut(11, 12))), (FASTER,))),
    "interval_batch": (
        PUSHED,
        IntervalBatch("r1", 2, "w1", 41, b"\x00\xffcounts", 0xFFFF_FFFF, HostSample(1, 2, 3), final=True),
    ),
    "interval_batch_threads": (
        PUSHED,
        IntervalBatch("r1", 2, "w1", 41, b"\x00\xffcounts", 0xFFFF_FFFF, HostSample(1, 2, 3, 4)),
    ),
    "interval_ack": (ACKNOWLEDGED, IntervalAck("r1", 2, 42, "gap")),
    "interval_ack_wanted": (
        ACKNOWLEDGED,
        IntervalAck("r1", 2, 142, "", 0, (BatchRange(0, 60), BatchRange(119, 142))),
    ),
    "interval_sum": (PUSHED, IntervalSum("r1", 2, "w1", BatchRange(60, 119), b"\x00\xffcounts", 0xFFFF_FFFF)),
    "run_facts": (
        codec_of(RunFacts),
        RunFacts(
            "r1",
            7,
            Ledger((Revision(0, 0, {0: HALVES[0], 1: HALVES[1]}), Revision(1, 5, {1: WHOLE}, (), "w1 lost"))),
            (SegmentFacts(0, WORKER_1, Fate.LOST, 12, 0),),
            "complete",
            "2026-11-24T10:00:00+00:00",
        ),
    ),
}


@pytest.mark.parametrize("name", GOLDEN_VALUES)
def test_the_bytes_of_this_release_are_what_they_were(name: str) -> None:
    """A file here is never changed once it was released; a new field or message gets a file of its own."""
    codec, value = GOLDEN_VALUES[name]
    data = bytes.fromhex((GOLDEN / f"{name}.hex").read_text())
    assert codec.from_bytes(data) == value
    assert codec.to_bytes(value) == data


def test_every_golden_vector_is_looked_at() -> None:
    assert {path.stem for path in GOLDEN.glob("*.hex")} == set(GOLDEN_VALUES)


def test_the_generated_code_is_that_of_the_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "proto/generate.py"), str(tmp_path)], check=True)
    stands = ROOT / "src/apibench/wire/v1"
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in stands.glob("*_pb2.py")}
