"""Sockets in a network namespace, moved by the test from outside.

Reads one JSON request a line from standard input, `{"op": NAME, ...}`, and answers each with one
line: `{"ok": {...}}` or `{"error": NAME}`, where NAME is an errno name, TIMEOUT or EOF. One request
at a time; every wait has a limit. Ends, and closes everything, with its standard input.
"""

import errno
import hashlib
import json
import os
import socket
import struct
import sys
import time

sockets = {}
unread = {}
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE, SO_MARK = 11, 25, 0x2000, 36


def keep(sock):
    sockets[sock.fileno()] = sock
    unread[sock.fileno()] = b''
    return {'sock': sock.fileno(), 'address': sock.getsockname()[0], 'port': sock.getsockname()[1]}


def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def make(kind, request):
    """A socket bound to `from` and `fromPort`, where they are given."""
    address = request.get('from', '')
    family = family_of(request.get('host') or address)
    sock = socket.socket(family, kind)
    sock.settimeout(request.get('timeout', 5))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if 'receiveBuffer' in request:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, request['receiveBuffer'])
    if 'mark' in request:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, request['mark'])
    if address or 'fromPort' in request:
        sock.bind((address, request.get('fromPort', 0)))
    return sock


def connect(request):
    sock = make(socket.SOCK_STREAM, request)
    sock.connect((request['host'], request['port']))
    return keep(sock)


def listen(request):
    sock = make(socket.SOCK_STREAM, request)
    sock.listen(8)
    return keep(sock)


def accept(request):
    sock, peer = taken(request).accept()
    sock.settimeout(5)
    return {**keep(sock), 'peer': peer[0], 'peerPort': peer[1]}


def taken(request):
    sock = sockets[request['sock']]
    sock.settimeout(request.get('timeout', 5))
    return sock


def send(request):
    """Text of Latin-1: a character is a byte."""
    taken(request).sendall(request['text'].encode('latin-1'))
    return {}


def line(request):
    sock, number = taken(request), request['sock']
    while b'\n' not in unread[number]:
        part = sock.recv(4096)
        if not part:
            raise EOFError
        unread[number] += part
    text, unread[number] = unread[number].split(b'\n', 1)
    return {'text': text.decode(errors='replace').rstrip('\r')}


def read(request):
    """Up to `limit` bytes, or to the end: how many, and their checksum."""
    sock, limit = taken(request), request.get('limit')
    digest, count, ended = hashlib.sha256(), 0, False
    while limit is None or count < limit:
        part = sock.recv(65536 if limit is None else min(65536, limit - count))
        if not part:
            ended = True
            break
        digest.update(part)
        count += len(part)
    return {'count': count, 'sha256': digest.hexdigest(), 'ended': ended}


def finish(request):
    """FIN, the other direction stays open."""
    taken(request).shutdown(socket.SHUT_WR)
    return {}


def close(request):
    unread.pop(request['sock'])
    sockets.pop(request['sock']).close()
    return {}


def reset(request):
    """RST instead of FIN: SO_LINGER with no time."""
    sockets[request['sock']].setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
    )
    return close(request)


def udp(request):
    sock = make(socket.SOCK_DGRAM, request)
    if 'host' in request:
        sock.connect((request['host'], request['port']))
    return keep(sock)


def send_to(request):
    taken(request).sendto(request['text'].encode(), (request['host'], request['port']))
    return {}


def receive(request):
    data, peer = taken(request).recvfrom(65536)
    return {'text': data.decode(), 'peer': peer[0], 'peerPort': peer[1]}


def probe(request):
    """A datagram with a TTL; which ICMP error came back, and from whom (RFC 792, RFC 4443)."""
    sock = make(socket.SOCK_DGRAM, request)
    six = sock.family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    sock.setsockopt(level, IPV6_RECVERR if six else IP_RECVERR, 1)
    if 'ttl' in request:
        sock.setsockopt(level, socket.IPV6_UNICAST_HOPS if six else socket.IP_TTL, request['ttl'])
    sock.sendto(b'probe', (request['host'], request['port']))
    until = time.monotonic() + request.get('timeout', 5)
    while time.monotonic() < until:
        try:
            _, messages, _, _ = sock.recvmsg(512, 512, MSG_ERRQUEUE)
        except OSError:
            time.sleep(0.005)
            continue
        # struct sock_extended_err, then the address of whoever sent the error.
        data = messages[0][2]
        _, _, kind, code = struct.unpack_from('=IBBB', data)
        at = 24 if six else 20
        offender = socket.inet_ntop(sock.family, data[at : at + (16 if six else 4)])
        sock.close()
        return {'type': kind, 'code': code, 'by': offender}
    raise TimeoutError


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def ping(request):
    """Echo requests until one is answered; which request it was that got through."""
    host = request['host']
    six = ':' in host
    protocol = socket.getprotobyname('ipv6-icmp') if six else socket.IPPROTO_ICMP
    kind, answer = (128, 129) if six else (8, 0)
    sock = socket.socket(family_of(host), socket.SOCK_RAW, protocol)
    sock.settimeout(request.get('timeout', 5))
    ident = os.getpid() & 0xFFFF
    body = struct.pack('!HH', ident, 1) + b'pinhole!'
    check = 0 if six else checksum(struct.pack('!BBH', kind, 0, 0) + body)
    sock.sendto(struct.pack('!BBH', kind, 0, check) + body, (host, 0))
    until = time.monotonic() + request.get('timeout', 5)
    while time.monotonic() < until:
        data, peer = sock.recvfrom(512)
        data = data if six else data[(data[0] & 15) * 4 :]
        if data[0] == answer and data[4:6] == struct.pack('!H', ident):
            sock.close()
            return {'by': peer[0], 'whole': data[4:] == body}
    raise TimeoutError


def raw(request):
    """Any bytes behind an IP header of the kernel's making."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, request['protocol'])
    sock.sendto(bytes.fromhex(request['hex']), (request['host'], 0))
    sock.close()
    return {}


operations = {
    'connect': connect, 'listen': listen, 'accept': accept, 'send': send, 'line': line,
    'read': read, 'finish': finish, 'close': close, 'reset': reset, 'udp': udp,
    'sendTo': send_to, 'receive': receive, 'probe': probe, 'ping': ping, 'raw': raw,
}


def answer(request):
    try:
        return {'ok': operations[request['op']](request)}
    except TimeoutError as error:
        # A wait that ran out here, or a connection that the kernel gave up.
        return {'error': 'TIMEOUT' if error.errno is None else errno.errorcode[error.errno]}
    except EOFError:
        return {'error': 'EOF'}
    except OSError as error:
        return {'error': errno.errorcode.get(error.errno, str(error))}


print('{"ok": {}}', flush=True)
for text in sys.stdin:
    print(json.dumps(answer(json.loads(text))), flush=True)
