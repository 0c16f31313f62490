"""Two hosts without a stack, one at either end of a lab: every frame they send is the test's.

Arguments: names of the client's and the server's network namespace. A request is a line of JSON: a
list of packets; the answer is a list as long, of what arrived at either end because of each. Nothing
is waited for by the clock: after each packet a datagram goes there and back twice, over a flow that is
new each time, and a gateway that has answered it has done with the packet before it.
"""

import ctypes
import hashlib
import json
import select
import socket
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
OUTGOING = 4
PATIENCE_SEC = 5
MARKER_PORT = 9
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
IP4, IP6 = 0x0800, 0x86DD
FLAGS = 'FSRPAUEC'
HOST = {
    'client': {4: '192.168.77.77', 6: 'fd77:1::77'},
    'server': {4: '203.0.113.77', 6: '2001:db8:77::77'},
}


class End:
    """One end's interface, read and written past the stack."""

    def __init__(self, name, namespace):
        self.name = name
        with open(f'/var/run/netns/{namespace}') as netns:
            if ctypes.CDLL(None, use_errno=True).setns(netns.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), 'setns')
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind(('eth0', 3))
        self.mac = self.sock.getsockname()[4]
        # The other end of the pair, told by the test.
        self.gateway = None

    def send(self, ether_type, packet, tags=(), tag_type=0x8100):
        head = self.gateway + self.mac
        for tag in tags:
            head += struct.pack('!HH', tag_type, tag)
        self.sock.send(head + struct.pack('!H', ether_type) + packet)


def words_sum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def address_bytes(text):
    return socket.inet_pton(socket.AF_INET6 if ':' in text else socket.AF_INET, text)


def pseudo(source, destination, protocol, length):
    if len(source) == 4:
        return source + destination + struct.pack('!BBH', 0, protocol, length)
    return source + destination + struct.pack('!II', length, protocol)


def with_checksum(packet, at, source, destination, protocol):
    head = b'' if protocol == ICMP else pseudo(source, destination, protocol, len(packet))
    value = ~words_sum(head + packet) & 0xFFFF
    return packet[:at] + struct.pack('!H', value) + packet[at + 2 :]


def payload_of(spec):
    if 'text' in spec:
        return spec['text'].encode()
    return bytes((n * 7 + spec.get('salt', 0)) & 0xFF for n in range(spec.get('bytes', 0)))


def transport(spec, source, destination):
    kind, data = spec['kind'], payload_of(spec)
    if kind == 'tcp':
        options = bytes.fromhex(spec.get('tcpOptions', ''))
        flags = sum(1 << FLAGS.index(letter) for letter in spec['flags'])
        head = struct.pack(
            '!HHIIBBHHH', spec['sport'], spec['dport'], spec['seq'] & 0xFFFFFFFF,
            spec.get('ack', 0) & 0xFFFFFFFF, (20 + len(options)) // 4 << 4, flags,
            spec.get('window', 60000), 0, spec.get('urgent', 0),
        )
        return TCP, with_checksum(head + options + data, 16, source, destination, TCP)
    if kind == 'udp':
        head = struct.pack('!HHHH', spec['sport'], spec['dport'], 8 + len(data), 0)
        return UDP, with_checksum(head + data, 6, source, destination, UDP)
    if kind == 'icmp':
        protocol = ICMP if len(source) == 4 else ICMP6
        body = bytes.fromhex(spec['quote']) if 'quote' in spec else data
        head = struct.pack('!BBHI', spec['type'], spec.get('code', 0), 0, spec.get('rest', 0))
        return protocol, with_checksum(head + body, 2, source, destination, protocol)
    raise ValueError(kind)


def ipv4(spec, protocol, source, destination, data):
    options = bytes.fromhex(spec.get('ipOptions', ''))
    field = (0x4000 if spec.get('dontFragment') else 0) | (0x2000 if spec.get('more') else 0)
    head = struct.pack(
        '!BBHHHBBH', 0x40 | (20 + len(options)) // 4, spec.get('tos', 0),
        20 + len(options) + len(data), spec.get('id', 0), field | spec.get('offset', 0) // 8,
        spec.get('ttl', 64), protocol, 0,
    )
    head += source + destination + options
    return head[:10] + struct.pack('!H', ~words_sum(head) & 0xFFFF) + head[12:] + data


def ipv6(spec, protocol, source, destination, data):
    if 'more' in spec or 'offset' in spec:
        field = spec.get('offset', 0) | (1 if spec.get('more') else 0)
        data = struct.pack('!BBHI', protocol, 0, field, spec.get('id', 0)) + data
        protocol = 44
    head = struct.pack('!IHBB', 6 << 28, len(data), protocol, spec.get('ttl', 64))
    return head + source + destination + data


def packet_of(spec):
    source, destination = address_bytes(spec['src']), address_bytes(spec['dst'])
    protocol, data = transport(spec, source, destination)
    if 'piece' in spec:
        # A part of the datagram only: where it begins and ends.
        begin, end = spec['piece']
        data, spec = data[begin:end], {**spec, 'offset': begin}
    build = ipv4 if len(source) == 4 else ipv6
    return (IP4 if len(source) == 4 else IP6), build(spec, protocol, source, destination, data)


def read_transport(packet, protocol, data, source, destination):
    """Fields of a whole transport header, and whether its checksum holds."""
    head = b'' if protocol == ICMP else pseudo(source, destination, protocol, len(data))
    # A sum that is left to a card covers the pseudo header alone.
    at = {TCP: 16, UDP: 6}.get(protocol)
    whole = words_sum(head + data) == 0xFFFF
    partial = at is not None and data[at : at + 2] == struct.pack('!H', words_sum(head))
    packet['sum'] = whole or partial
    if protocol == TCP:
        sport, dport, seq, ack, size, flags, window, _, urgent = struct.unpack_from('!HHIIBBHHH', data)
        body = data[(size >> 4) * 4 :]
        letters = ''.join(letter for n, letter in enumerate(FLAGS) if flags >> n & 1)
        packet.update(kind='tcp', sport=sport, dport=dport, seq=seq, ack=ack, flags=letters)
        packet.update(window=window, tcpOptions=data[20 : (size >> 4) * 4].hex())
        if urgent:
            packet['urgent'] = urgent
    elif protocol == UDP:
        sport, dport = struct.unpack_from('!HH', data)
        body = data[8:]
        packet.update(kind='udp', sport=sport, dport=dport)
    else:
        body = data[8:]
        packet.update(kind='icmp', type=data[0], code=data[1], rest=struct.unpack_from('!I', data, 4)[0])
    packet['bytes'] = len(body)
    packet['hash'] = hashlib.sha256(body).hexdigest()[:12]


def quoted(family, data):
    """Of the datagram that an error quotes: its addresses and first four bytes behind the header."""
    data = data[8:]
    if family == 4:
        size = (data[0] & 15) * 4
        ends, total = (data[12:16], data[16:20]), len(data)
        ttl = data[8]
    else:
        size, ends, total, ttl = 40, (data[8:24], data[24:40]), len(data), data[7]
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    text = [socket.inet_ntop(kind, end) for end in ends]
    return {'ends': text, 'ports': list(struct.unpack_from('!HH', data, size)), 'of': total, 'ttl': ttl}


def read(frame):
    """What a frame says, None for what is none of ours."""
    ether_type = struct.unpack_from('!H', frame, 12)[0]
    if ether_type == IP4:
        data = frame[14:]
        total, ident, field, ttl, protocol = struct.unpack_from('!HHHBB', data, 2)
        size = (data[0] & 15) * 4
        source, destination, fragment = data[12:16], data[16:20], field & 0x3FFF
        packet = {'ttl': ttl}
        if data[1]:
            packet['tos'] = data[1]
        if size > 20:
            packet['ipOptions'] = data[20:size].hex()
        if field & 0x4000:
            packet['dontFragment'] = True
        if words_sum(data[:size]) != 0xFFFF:
            packet['headerSum'] = False
        data = data[size:total]
        if fragment:
            packet.update(offset=(fragment & 0x1FFF) * 8, more=bool(fragment & 0x2000), id=ident)
    elif ether_type == IP6:
        data = frame[14:]
        length, protocol, ttl = struct.unpack_from('!HBB', data, 4)
        source, destination, data = data[8:24], data[24:40], data[40 : 40 + length]
        packet, fragment = {'ttl': ttl}, 0
        if protocol == 44:
            # The number is random, here and there.
            protocol, _, fragment, _ = struct.unpack_from('!BBHI', data)
            packet.update(offset=fragment & ~7, more=bool(fragment & 1))
            data, fragment = data[8:], 1
    else:
        return None
    family = 4 if ether_type == IP4 else 6
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    packet['src'], packet['dst'] = (socket.inet_ntop(kind, end) for end in (source, destination))
    if fragment:
        packet.update(kind='fragment', bytes=len(data), hash=hashlib.sha256(data).hexdigest()[:12])
    else:
        read_transport(packet, protocol, data, source, destination)
        error = packet['kind'] == 'icmp' and (
            packet['type'] in (3, 4, 5, 11, 12) if family == 4 else packet['type'] < 128
        )
        if error:
            packet['quoted'] = quoted(family, data)
            del packet['hash'], packet['bytes']
    return packet


class Wire:
    def __init__(self, client, server):
        self.ends = {'client': client, 'server': server}
        self.markers = 0
        self.addresses = {HOST[name][family] for name in HOST for family in (4, 6)}

    def take(self, timeout):
        """Packets for the hosts that have come, with the end where they did."""
        by_sock = {end.sock: end for end in self.ends.values()}
        ready, _, _ = select.select(list(by_sock), [], [], timeout)
        found = []
        for sock in ready:
            frame, address = sock.recvfrom(70000)
            if address[2] == OUTGOING:
                continue
            packet = read(frame)
            if packet is not None:
                found.append((by_sock[sock].name, packet))
        return found

    def pass_marker(self, arrivals):
        """One datagram there, and an answer back."""
        self.markers += 1
        port = 10000 + self.markers % 50000
        text = f'marker {self.markers}'
        there = {'kind': 'udp', 'src': HOST['client'][4], 'dst': HOST['server'][4],
                 'sport': port, 'dport': MARKER_PORT, 'text': text}
        self.ends['client'].send(*packet_of(there))
        mark = hashlib.sha256(text.encode()).hexdigest()[:12]
        limit = time.monotonic() + PATIENCE_SEC
        answered = False
        while not answered:
            if time.monotonic() > limit:
                raise TimeoutError(f'{text} is lost')
            for at, packet in self.take(0.1):
                if packet.get('hash') == mark and at == 'server':
                    back = {**there, 'src': packet['dst'], 'dst': packet['src'],
                            'sport': MARKER_PORT, 'dport': packet['sport']}
                    self.ends['server'].send(*packet_of(back))
                elif packet.get('hash') == mark:
                    answered = True
                elif packet.get('dport') != MARKER_PORT and self.is_ours(packet):
                    arrivals.append({'at': at, **packet})

    def is_ours(self, packet):
        return any(packet[end] in self.addresses for end in ('src', 'dst'))

    def play(self, specs):
        outcome = []
        for spec in specs:
            arrivals = []
            end = self.ends[spec['from']]
            ether_type, packet = packet_of(spec)
            for _ in range(spec.get('times', 1)):
                tags = [spec[name] for name in ('tag', 'inner') if name in spec]
                end.send(ether_type, packet, tags, spec.get('tagType', 0x8100))
            if not spec.get('quiet'):
                self.pass_marker(arrivals)
                self.pass_marker(arrivals)
            outcome.append(arrivals)
        return outcome


def main(client, server):
    wire = Wire(End('client', client), End('server', server))
    print(json.dumps({name: end.mac.hex(':') for name, end in wire.ends.items()}), flush=True)
    macs = json.loads(sys.stdin.readline())
    for name, end in wire.ends.items():
        end.gateway = bytes.fromhex(macs[name].replace(':', ''))
    print('{"ok": null}', flush=True)
    for text in sys.stdin:
        try:
            print(json.dumps({'ok': wire.play(json.loads(text))}), flush=True)
        except (OSError, ValueError, KeyError) as error:
            print(json.dumps({'error': f'{type(error).__name__}: {error}'}), flush=True)


main(*sys.argv[1:])
