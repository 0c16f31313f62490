"""Load for the tests of a full table: flood HOST FLOWS, echo ADDRESS PORT, pulse HOST PORT SECONDS."""

import select
import socket
import sys
import time

FIRST_PORT = 20_000
PORTS = 40_000


def flood(host, flows):
    """One datagram each for so many flows: a socket for every 40,000 of them."""
    for first in range(0, flows, PORTS):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in range(min(PORTS, flows - first)):
            sock.sendto(b'', (host, FIRST_PORT + port))
            if port % 500 == 0:
                time.sleep(0.004)
    print('sent')


def echo(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    print('ready', flush=True)
    while True:
        data, peer = sock.recvfrom(2048)
        sock.sendto(data, peer)


def pulse(host, port, seconds):
    """A datagram every 5 ms; the longest time without an answer, in ms, and how many came."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((host, port))
    begin = last = time.monotonic()
    longest = answers = 0
    print('ready', flush=True)
    while last - begin < seconds:
        sock.send(b'pulse')
        if select.select([sock], [], [], 0.005)[0]:
            sock.recv(2048)
            now = time.monotonic()
            longest, last, answers = max(longest, now - last), now, answers + 1
            time.sleep(0.005)
        elif time.monotonic() - last > 10:
            sys.exit('no answer for 10 s')
    print(f'longest {longest * 1000:.0f} answers {answers}')


what, *words = sys.argv[1:]
numbers = [int(word) if word.isdigit() else word for word in words]
{'flood': flood, 'echo': echo, 'pulse': pulse}[what](*numbers)
