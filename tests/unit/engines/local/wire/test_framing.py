"""Packets on a real socket pair: whole, of any size, with their descriptors."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.engines.local.wire.framing import (
    MAX_FDS,
    MAX_PACKET,
    Receiver,
    adopt_socket,
    load_plain,
    pack,
    peer_of,
    send_packet,
    socket_pair,
)

Pair = tuple[socket.socket, Receiver]


@pytest.fixture
def pair() -> Iterator[Pair]:
    writing, reading = socket_pair()
    yield writing, Receiver(reading)
    writing.close()
    reading.close()


def test_messages_arrive_whole_and_in_order(pair: Pair) -> None:
    writing, receiver = pair
    send_packet(writing, pack([(1, "a"), (2, [b"b"])]))
    send_packet(writing, pack([(3,)]))
    assert receiver.receive() == ([(1, "a"), (2, [b"b"])], [])
    assert receiver.receive() == ([(3,)], [])


def test_nothing_to_read_says_so_and_the_end_is_none(pair: Pair) -> None:
    writing, receiver = pair
    with pytest.raises(BlockingIOError):
        receiver.receive()
    writing.close()
    assert receiver.receive() is None


@pytest.mark.parametrize("size", [MAX_PACKET - 100, MAX_PACKET, MAX_PACKET + 1, 5_000_000])
def test_any_size_arrives_without_filling_the_socket(pair: Pair, size: int) -> None:
    writing, receiver = pair
    content = os.urandom(16) + bytes(size)
    send_packet(writing, pack([(7, content)]))
    assert receiver.receive() == ([(7, content)], [])


def test_a_large_packet_takes_its_descriptors_along(pair: Pair) -> None:
    writing, receiver = pair
    read_end, write_end = os.pipe()
    send_packet(writing, pack([(7, bytes(MAX_PACKET + 1))]), (write_end,))
    received = receiver.receive()
    assert received is not None
    (fd,) = received[1]
    os.write(fd, b"x")
    assert os.read(read_end, 1) == b"x"
    for each in (read_end, write_end, fd):
        os.close(each)


@pytest.mark.parametrize("count", [1, MAX_FDS, MAX_FDS + 1, 3 * MAX_FDS])
def test_any_number_of_descriptors_arrives_in_order(pair: Pair, count: int) -> None:
    writing, receiver = pair
    files = [os.memfd_create(f"number-{n}", os.MFD_CLOEXEC) for n in range(min(count, 300))]
    sent = [files[n % len(files)] for n in range(count)]
    send_packet(writing, pack([(1,)]), sent)
    received = receiver.receive()
    assert received is not None
    messages, fds = received
    assert messages == [(1,)]
    assert [os.fstat(fd).st_ino for fd in fds] == [os.fstat(fd).st_ino for fd in sent]
    assert not any(os.get_inheritable(fd) for fd in fds)
    for fd in [*files, *fds]:
        os.close(fd)


def test_a_full_socket_blocks_nobody(pair: Pair) -> None:
    writing, _ = pair
    data = pack([(1, bytes(10_000))])

    def send_for_ever() -> None:
        while True:
            send_packet(writing, data)

    with pytest.raises(BlockingIOError):
        send_for_ever()


def test_the_head_reads_containers_and_scalars() -> None:
    value = [(1, "a", b"b", 2.5, None, True, {"k": (1, [2])}, {3}, frozenset({4}))]
    assert load_plain(pack(value)) == value


class Evil:
    """Runs code when unpickled."""

    def __reduce__(self) -> Any:
        return os.getpid, ()


@pytest.mark.parametrize("value", [Evil(), Evil, print, os.path.join, ValueError("x"), 2j])
def test_the_head_loads_no_class_and_calls_nothing(value: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match="in a control message"):
        load_plain(pickle.dumps([(1, value)], 5))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(st.lists(st.tuples(st.integers(0, 70), plain), max_size=4))
def test_whatever_is_plain_arrives_as_it_was(messages: list[Any]) -> None:
    writing, reading = socket_pair()
    with writing, reading:
        send_packet(writing, pack(messages))
        assert Receiver(reading, plain=True).receive() == (messages, [])


def test_a_received_descriptor_becomes_a_socket_that_never_blocks() -> None:
    left, right = socket_pair()
    adopted = adopt_socket(right.detach())
    with left, adopted:
        send_packet(left, pack([(1,)]))
        assert Receiver(adopted).receive() == ([(1,)], [])
        assert adopted.gettimeout() == 0.0
        assert peer_of(left) == (os.getpid(), os.getuid())
