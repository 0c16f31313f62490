"""TCP streams that go on until the test has seen enough, and prove themselves at their end.

`streams.py serve PORT` sends random bytes on every connection until the other side says a byte; then
the SHA-256 of all it has sent, and closes. `streams.py pull` opens such streams and reads them at an
easy pace; it is led by JSON requests, a line each, and answers each with a line.
"""

import hashlib
import json
import os
import select
import socket
import sys
import threading
import time

DIGEST = 32
# What is under way at a time, and the pace: about 800 kB a second and stream.
WINDOW = 16384
PART = 8192
PAUSE = 0.01


def family_of(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def feed(sock):
    block = os.urandom(1 << 16)
    digest = hashlib.sha256()
    try:
        while not select.select([sock], [], [], 0)[0]:
            sent = sock.send(block)
            digest.update(block[:sent])
        # What is not read when it closes would make that a reset.
        sock.recv(1)
        sock.sendall(digest.digest())
    except OSError:
        pass
    sock.close()


def serve(port):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WINDOW)
    listener.bind(('::', port))
    listener.listen(64)
    print('listening', flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=feed, args=(sock,), daemon=True).start()


class Stream:
    def __init__(self, host, port):
        self.sock = socket.socket(family_of(host), socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        self.sock.settimeout(5)
        self.sock.connect((host, port))
        self.sock.settimeout(20)
        self.port = self.sock.getsockname()[1]
        self.moved = 0
        self.finishing = False
        self.outcome = ''
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.outcome = self.pull()
        except OSError as error:
            self.outcome = f'{type(error).__name__}: {error}'
        self.sock.close()

    def pull(self):
        digest, tail = hashlib.sha256(), b''
        while True:
            part = self.sock.recv(PART)
            if not part:
                return 'whole' if tail == digest.digest() else f'differs after {self.moved} bytes'
            self.moved += len(part)
            tail += part
            digest.update(tail[:-DIGEST])
            tail = tail[-DIGEST:]
            if not self.finishing:
                time.sleep(PAUSE)

    def finish(self):
        self.finishing = True
        try:
            self.sock.send(b'.')
        except OSError:
            pass


streams = {}


def opened(request):
    ports = []
    for _ in range(request['count']):
        stream = Stream(request['host'], request['port'])
        streams[stream.port] = stream
        ports.append(stream.port)
    return ports


def moved(request):
    return [streams[port].moved for port in request['ports']]


def finish(request):
    """How each ended; one that does not is over when the time given is."""
    ending = [streams[port] for port in request['ports']]
    for stream in ending:
        stream.finish()
    limit = time.monotonic() + request['timeout']
    for stream in ending:
        stream.thread.join(max(0, limit - time.monotonic()))
    return [stream.outcome or f'stands after {stream.moved} bytes' for stream in ending]


operations = {'open': opened, 'moved': moved, 'finish': finish}


def answer(request):
    try:
        return {'ok': operations[request['op']](request)}
    except OSError as error:
        return {'error': f'{type(error).__name__}: {error}'}


if sys.argv[1] == 'serve':
    serve(int(sys.argv[2]))
for text in sys.stdin:
    print(json.dumps(answer(json.loads(text))), flush=True)
