"""Ids behave as Ray's do."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.model import ids
from heliostat.model.ids import ActorID, BaseID, JobID, NodeID, UniqueID, WorkerID

SIZES = {
    "ActorClassID": 28,
    "ActorID": 16,
    "ClusterID": 28,
    "FunctionID": 28,
    "JobID": 4,
    "NodeID": 28,
    "ObjectID": 28,
    "PlacementGroupID": 18,
    "TaskID": 24,
    "UniqueID": 28,
    "WorkerID": 28,
}
KINDS: list[type[BaseID]] = [getattr(ids, name) for name in SIZES]


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_is_its_bytes(kind: type[BaseID]) -> None:
    size = SIZES[kind.__name__]
    assert kind.size() == size
    binary = bytes(range(size))
    one = kind(binary)
    assert one.binary() == binary
    assert one.hex() == binary.hex()
    assert repr(one) == str(one) == f"{kind.__name__}({binary.hex()})"
    for same in (
        kind.from_binary(binary),
        kind.from_hex(binary.hex()),
        pickle.loads(pickle.dumps(one)),
    ):
        assert same == one
        assert type(same) is kind
        assert hash(same) == hash(one)


@pytest.mark.parametrize("kind", KINDS)
def test_the_nil_id(kind: type[BaseID]) -> None:
    assert kind.nil().is_nil()
    assert kind.nil() == kind.nil()
    assert set(kind.nil().hex()) == {"f"}
    assert not kind(bytes(kind.size())).is_nil()


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_id_is_new(kind: type[BaseID]) -> None:
    assert len({kind.from_random() for _ in range(20)}) == 20


def test_ids_of_other_kinds_are_others() -> None:
    binary = b"a" * 28
    assert NodeID(binary) != WorkerID(binary)
    assert NodeID(binary) != UniqueID(binary)
    assert NodeID(binary) != binary
    with pytest.raises(TypeError):
        assert NodeID(binary) < WorkerID(binary)  # type: ignore[operator]


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_ids_sort_by_their_bytes(one: bytes, other: bytes) -> None:
    assert (ActorID(one) < ActorID(other)) is (one < other)
    assert (ActorID(one) == ActorID(other)) is (one == other)


@pytest.mark.parametrize("binary", ["a" * 28, None, 28, bytearray(28)])
def test_an_id_is_made_of_bytes(binary: Any) -> None:
    with pytest.raises(TypeError, match="a NodeID is made of bytes"):
        NodeID(binary)


@pytest.mark.parametrize("size", [0, 27, 29])
def test_an_id_has_its_length(size: int) -> None:
    with pytest.raises(ValueError, match=f"a NodeID has 28 bytes, but {size} were given"):
        NodeID(bytes(size))


def test_an_id_cant_be_changed() -> None:
    job = JobID.from_int(1)
    with pytest.raises(AttributeError, match="a JobID can't be changed"):
        job._binary = b"abcd"
    with pytest.raises(AttributeError):
        job.note = 1
    assert job.int() == 1


@given(st.integers(0, 2**32 - 1))
def test_a_job_has_a_number(number: int) -> None:
    assert JobID.from_int(number).int() == number


def test_a_job_number_reads_as_in_ray() -> None:
    assert repr(JobID.from_int(5)) == "JobID(05000000)"
