"""The outbox: nothing blocks, nothing is lost or reordered, descriptors are looked after."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver, socket_pair

Ends = tuple[Outbox, Receiver, list[Outbox]]


@pytest.fixture
def ends() -> Iterator[Ends]:
    writing, reading = socket_pair()
    blocked: list[Outbox] = []
    box = Outbox(writing, blocked.append)
    receiver = Receiver(reading)
    yield box, receiver, blocked
    box.dispose()
    receiver.close()


def fill(box: Outbox) -> int:
    """Sends numbered messages until some are kept back; how many there are."""
    count = 0
    while not box.waiting:
        box.send((count, bytes(50_000)))
        count += 1
    for _ in range(5):
        box.send((count, bytes(10)))
        count += 1
    return count


def drain(receiver: Receiver) -> list[int]:
    numbers: list[int] = []
    while True:
        try:
            received = receiver.receive()
        except BlockingIOError:
            return numbers
        assert received is not None
        numbers += [message[0] for message in received[0]]
        for fd in received[1]:
            os.close(fd)


def test_what_the_kernel_does_not_take_is_kept_back_in_order(ends: Ends) -> None:
    box, receiver, blocked = ends
    count = fill(box)
    assert blocked == [box], "told once"
    seen = drain(receiver)
    while not box.flush():
        seen += drain(receiver)
    seen += drain(receiver)
    assert seen == list(range(count))
    assert box.waiting == 0


def test_a_flush_into_a_full_socket_keeps_everything(ends: Ends) -> None:
    box, _, _ = ends
    fill(box)
    waiting = box.waiting
    assert not box.flush()
    assert box.waiting == waiting


def test_it_tells_again_when_it_blocks_again(ends: Ends) -> None:
    box, receiver, blocked = ends
    for _ in range(2):
        fill(box)
        drain(receiver)
        while not box.flush():
            drain(receiver)
        drain(receiver)
    assert blocked == [box, box]


def test_descriptors_of_kept_back_packets_outlive_the_senders(ends: Ends) -> None:
    box, receiver, _ = ends
    fill(box)
    read_end, write_end = os.pipe()
    box.send((99,), (write_end,))
    os.close(write_end)
    fds: list[int] = []
    while True:
        box.flush()
        try:
            received = receiver.receive()
        except BlockingIOError:
            break
        assert received is not None
        fds += received[1]
    (fd,) = fds
    os.write(fd, b"x")
    assert os.read(read_end, 1) == b"x"
    os.close(read_end)
    os.close(fd)


def test_closing_drops_what_was_kept_back_with_its_descriptors(ends: Ends) -> None:
    box, _, _ = ends
    fill(box)
    read_end, write_end = os.pipe()
    box.send((99,), (write_end,))
    os.close(write_end)
    box.close()
    assert (box.waiting, box.closed) == (0, True)
    assert os.read(read_end, 1) == b"", "no writing end is left"
    os.close(read_end)
    box.send((100,))
    assert box.flush()


def test_a_lost_peer_closes_it_quietly(ends: Ends) -> None:
    box, receiver, blocked = ends
    receiver.close()
    box.send((1,))
    assert box.closed
    assert blocked == []


def test_a_peer_lost_while_packets_wait_closes_it_too(ends: Ends) -> None:
    box, receiver, _ = ends
    fill(box)
    receiver.close()
    assert box.flush()
    assert box.closed


def test_several_messages_share_a_packet(ends: Ends) -> None:
    box, receiver, _ = ends
    box.send_all([(1,), (2,)])
    assert receiver.receive() == ([(1,), (2,)], [])


def test_the_descriptor_stays_open_until_it_is_disposed_of(ends: Ends) -> None:
    box, _, _ = ends
    fd = box.fileno()
    box.close()
    os.fstat(fd)
    box.dispose()
    assert box.fileno() == -1
