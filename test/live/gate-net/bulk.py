"""Long transfers that are checked.

`bulk.py serve ADDRESS PORT` answers every connection until it is ended. `bulk.py get|put|half HOST PORT
BYTES [RATE [MARK]]` moves that much one way, `half` after having sent FIN, at most RATE bytes a second, and
prints JSON: whether it arrived as it was sent, and how many segments TCP sent again.
"""

import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time

PART = 1 << 16
SO_MARK = 36
PACED_PART = 1 << 13


def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def bytes_of(count):
    """Not random to those who know the count; and no part is like another."""
    source = random.Random(count)
    while count > 0:
        part = source.randbytes(min(PART, count))
        count -= len(part)
        yield part


def read_exactly(sock, count):
    data = b''
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def send_all(sock, count, rate=0):
    began, sent = time.monotonic(), 0
    step = PACED_PART if rate else PART
    for part in bytes_of(count):
        for at in range(0, len(part), step):
            sock.sendall(part[at : at + step])
            sent += len(part[at : at + step])
            if rate:
                time.sleep(max(0, began + sent / rate - time.monotonic()))


def digest_of(sock, count):
    digest = hashlib.sha256()
    while count > 0:
        part = sock.recv(min(PART, count))
        if not part:
            break
        digest.update(part)
        count -= len(part)
    return digest.digest()


def expected(count):
    digest = hashlib.sha256()
    for part in bytes_of(count):
        digest.update(part)
    return digest.digest()


def serve_one(sock):
    try:
        what, count, rate = struct.unpack('!cQQ', read_exactly(sock, 17))
        if what == b'p':
            sock.sendall(digest_of(sock, count))
        else:
            if what == b'h' and sock.recv(1):
                return
            send_all(sock, count, rate)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)
    except (OSError, EOFError):
        pass
    finally:
        sock.close()


def serve(address, port):
    listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(64)
    print('listening', flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_one, args=(sock,), daemon=True).start()


def retransmitted(sock):
    """tcpi_total_retrans of struct tcp_info."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from('=I', info, 100)[0]


def move(what, host, port, count, rate=0, mark=0):
    sock = socket.socket(family_of(host), socket.SOCK_STREAM)
    sock.settimeout(15)
    if mark:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
    began = time.monotonic()
    sock.connect((host, port))
    sock.sendall(struct.pack('!cQQ', what[0].encode(), count, rate))
    if what == 'put':
        send_all(sock, count, rate)
        whole = read_exactly(sock, 32) == expected(count)
    else:
        if what == 'half':
            sock.shutdown(socket.SHUT_WR)
        whole = digest_of(sock, count) == expected(count)
    outcome = {
        'whole': whole,
        'again': retransmitted(sock),
        'port': sock.getsockname()[1],
        'mss': sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG),
        'seconds': round(time.monotonic() - began, 2),
    }
    sock.close()
    return outcome


if sys.argv[1] == 'serve':
    serve(sys.argv[2], int(sys.argv[3]))
try:
    print(json.dumps(move(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))), flush=True)
except (OSError, EOFError) as error:
    print(json.dumps({'whole': False, 'error': f'{type(error).__name__}: {error}'}), flush=True)
