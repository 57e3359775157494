"""Messages of any size as packets and back."""

import random

import pytest

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack, unpacker
from spatia_bridge.wire.packets import LARGEST_PACKET_BYTES, PACKET_BYTES, PacketReader, PacketWriter, UnreadableError


def seed(size, request_id=5):
    return msg.ClientMessage(request_id, msg.Seed(msg.View(colour=msg.Image(data=random.Random(size).randbytes(size)))))


def reader(limit_bytes=1 << 20):
    """One that has had its first message, which may be no fragment."""
    reader = PacketReader(msg.ClientMessage, limit_bytes)
    assert reader.add(pack(msg.ClientMessage(1, msg.Hello()))).body == msg.Hello()
    return reader


@pytest.mark.parametrize("size", [0, 10, 255, 256, 49_000, 49_080, *range(49_090, 49_130, 3), 65_535, 98_100, 1 << 17, 5_000_000])
def test_round_trip(size):
    message, writer = seed(size), PacketWriter(msg.ClientMessage)
    packets = writer.packets(message)
    assert all(len(packet) <= PACKET_BYTES for packet in packets)
    assert (len(packets) == 1) == (len(pack(message)) <= PACKET_BYTES)
    back = reader(10 << 20)
    for packet in packets[:-1]:
        assert back.add(packet) is None
        assert back.add(pack(msg.ClientMessage(0, msg.Ping(3)))).body == msg.Ping(3)  # whole ones may come between
    assert back.add(packets[-1]) == message
    assert back.pending_bytes == 0


@pytest.mark.parametrize("said", [0, 1, PACKET_BYTES + 1, 1 << 20, 1 << 31])
def test_packets_are_as_large_as_the_other_side_reads(said):
    message, writer = seed(5_000_000), PacketWriter(msg.ClientMessage)
    packets, limit = writer.packets(message, said), max(PACKET_BYTES, min(said, LARGEST_PACKET_BYTES))
    assert limit - 200 < max(map(len, packets)) <= limit
    back = reader(10 << 20)
    assert [back.add(packet) for packet in packets][-1] == message
    assert writer.packets(seed(limit - 200), said) == [pack(seed(limit - 200))]


def test_fragments_fit_whatever_their_numbers():
    writer = PacketWriter(msg.ClientMessage)
    writer._id = (1 << 64) - 2
    packets = writer.packets(seed(200_000, (1 << 64) - 1))
    assert len(packets) == 5 and max(map(len, packets)) <= PACKET_BYTES


def test_whose_fragments():
    up = PacketWriter(msg.ClientMessage).packets(seed(100_000))
    assert [unpacker(msg.ClientMessage)(packet).request_id for packet in up] == [5, 5, 5]
    frame = msg.ServerMessage(5, msg.TakeFrame(1, 2, msg.Image(data=bytes(100_000))))
    down = [unpacker(msg.ServerMessage)(packet) for packet in PacketWriter(msg.ServerMessage).packets(frame)]
    assert [(message.request_id, message.body.part, message.body.parts) for message in down] == [(0, 0, 3), (0, 1, 3), (0, 2, 3)]


def test_the_first_message_is_handed_on_as_it_is():
    """So that the link refuses it, before anything is collected."""
    fragment = PacketWriter(msg.ClientMessage).packets(seed(100_000))[0]
    assert isinstance(PacketReader(msg.ClientMessage).add(fragment).body, msg.Fragment)


def unreadable(reader, packet):
    with pytest.raises(UnreadableError) as caught:
        reader.add(packet)
    return caught.value


def test_out_of_order_is_one_error_and_the_next_message_is_read():
    writer, back = PacketWriter(msg.ClientMessage), reader()
    first, second = writer.packets(seed(200_000)), writer.packets(seed(150_000, 6))
    assert back.add(first[0]) is None
    wrong = unreadable(back, first[2])
    assert type(wrong.error) is InvalidInputError and wrong.request_id == 5
    assert [back.add(packet) for packet in first[3:]] == [None, None]
    assert [back.add(packet) for packet in second][-1] == seed(150_000, 6)


def test_mixed():
    writer, back = PacketWriter(msg.ClientMessage), reader()
    first, second = writer.packets(seed(100_000)), writer.packets(seed(150_000, 6))
    assert back.add(first[0]) is None
    assert back.add(second[0]) is None  # begins anew
    assert unreadable(back, first[1]).request_id == 5
    assert back.add(first[2]) is None
    assert unreadable(back, second[1]).request_id == 6


def test_too_large():
    back = reader(limit_bytes=120_000)
    packets = PacketWriter(msg.ClientMessage).packets(seed(200_000))
    assert [back.add(packet) for packet in packets[:2]] == [None, None]
    assert isinstance(unreadable(back, packets[2]).error, LimitExceededError)
    assert back.pending_bytes == 0
    assert [back.add(packet) for packet in packets[3:]] == [None, None]
    assert back.add(pack(seed(10))) == seed(10)


def test_fragments_of_nothing_use_no_memory():
    back = reader()
    for part in range(1000):
        assert back.add(pack(msg.ClientMessage(0, msg.Fragment(1, part, 2**32 - 1, b"")))) is None
    assert back.pending_bytes == 0


def test_what_the_pieces_make_must_be_a_message():
    back = reader()
    inner = pack(msg.ClientMessage(4, msg.Fragment(2, 0, 1, b"x")))
    assert "within" in unreadable(back, pack(msg.ClientMessage(4, msg.Fragment(1, 0, 1, inner)))).error.message
    wrong = unreadable(back, pack(msg.ClientMessage(4, msg.Fragment(1, 0, 1, b"\xc1"))))
    assert isinstance(wrong.error, CodecError)
    assert isinstance(unreadable(back, pack(msg.ClientMessage(4, msg.Fragment(1, 0, 0, b"")))).error, InvalidInputError)
