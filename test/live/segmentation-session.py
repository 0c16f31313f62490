"""One FTP session by a client that cuts its commands into unusual segments.

Arguments: how (bytes, nagle, pipelined), host, mode (PORT, PASV, EPRT, EPSV), name for the upload.
`bytes` writes one byte at a time with TCP_NODELAY, `nagle` the same without it, `pipelined` writes
as many commands at once as the protocol allows: all up to the next data connection. Downloads
/pub/big.bin to first.bin, uploads upload.bin, lists /pub to listing.txt. Prints one JSON object:
seconds of each step, and bytes and data segments written on the control connection.
"""

import json
import re
import socket
import struct
import sys
import time

# Longer than anything that works; the test has its own, shorter, measure.
PATIENCE = 8.0
# Offset of tcpi_data_segs_out in struct tcp_info (linux/tcp.h).
DATA_SEGS_OUT = 156


class Session:
    def __init__(self, how, host, mode):
        self.how = how
        self.mode = mode
        self.sock = socket.create_connection((host, 21), PATIENCE)
        self.sock.settimeout(PATIENCE)
        if how == 'bytes':
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.sock.makefile('rb')
        self.steps = []
        self.written = 0

    def send(self, *lines):
        """Writes lines in one go, or each byte by itself."""
        text = ''.join(line + '\r\n' for line in lines).encode()
        self.written += len(text)
        if self.how == 'pipelined':
            self.sock.sendall(text)
            return
        for value in text:
            self.sock.sendall(bytes([value]))

    def reply(self, *wanted):
        """The next reply, which must begin with one of the digits or codes."""
        line = self.replies.readline().decode()
        while line[3:4] == '-' or not line[:3].isdigit():
            if line == '':
                raise SystemExit('the control connection was closed')
            line = self.replies.readline().decode()
        if not line.startswith(wanted):
            raise SystemExit('wanted %s, got %s' % ('/'.join(wanted), line.strip()))
        return line

    def step(self, name, began):
        self.steps.append([name, round(time.monotonic() - began, 4)])

    def listener(self):
        """A listening socket and the command that announces it."""
        host = self.sock.getsockname()[0]
        sock = socket.create_server((host, 0), family=self.sock.family, backlog=1)
        sock.settimeout(PATIENCE)
        port = sock.getsockname()[1]
        if self.mode == 'PORT':
            return sock, 'PORT %s,%d,%d' % (host.replace('.', ','), port >> 8, port & 255)
        family = 2 if self.sock.family == socket.AF_INET6 else 1
        return sock, 'EPRT |%d|%s|%d|' % (family, host, port)

    def connect(self, line):
        """The data connection that a 227 or 229 reply announces."""
        if self.mode == 'EPSV':
            host = self.sock.getpeername()[0]
            port = int(re.search(r'\(\|\|\|(\d+)\|\)', line).group(1))
        else:
            fields = re.search(r'(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)', line).groups()
            host = '.'.join(fields[:4])
            port = int(fields[4]) * 256 + int(fields[5])
        return socket.create_connection((host, port), PATIENCE)

    def segments(self):
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return struct.unpack_from('I', info, DATA_SEGS_OUT)[0]


def exchange(data, command, upload):
    """Moves the file and closes the data connection."""
    if command.startswith('STOR'):
        with open('upload.bin', 'rb') as file:
            data.sendall(file.read())
    else:
        with open(upload, 'wb') as file:
            while chunk := data.recv(65536):
                file.write(chunk)
    data.close()


def login(session):
    return (['USER anonymous', 'PASS lab@example.org', 'TYPE I'], ['331', '230', '200'])


def step_by_step(session, jobs):
    session.reply('220')
    for line, code in zip(*login(session)):
        began = time.monotonic()
        session.send(line)
        session.reply(code)
        session.step(line.split()[0], began)
    for command, local in jobs:
        began = time.monotonic()
        if session.mode in ('PORT', 'EPRT'):
            listener, announcement = session.listener()
            session.send(announcement)
            session.reply('200')
        else:
            session.send(session.mode)
            line = session.reply('227', '229')
        session.step(session.mode, began)
        began = time.monotonic()
        if session.mode in ('PORT', 'EPRT'):
            session.send(command)
            data = listener.accept()[0]
        else:
            data = session.connect(line)
            session.send(command)
        session.reply('1')
        exchange(data, command, local)
        session.reply('226')
        session.step(command.split()[0], began)
    session.send('QUIT')
    session.reply('221')


def pipelined_active(session, jobs):
    session.reply('220')
    lines, codes = login(session)
    for command, local in jobs:
        began = time.monotonic()
        listener, announcement = session.listener()
        last = ['QUIT'] if command.startswith('LIST') else []
        session.send(*lines, announcement, command, *last)
        data = listener.accept()[0]
        for code in [*codes, '200', '1']:
            session.reply(code)
        exchange(data, command, local)
        session.reply('226')
        session.step(command.split()[0], began)
        lines, codes = [], []
    session.reply('221')


def pipelined_passive(session, jobs):
    session.reply('220')
    lines, codes = login(session)
    began = time.monotonic()
    session.send(*lines, session.mode)
    for code in codes:
        session.reply(code)
    for command, local in jobs:
        data = session.connect(session.reply('227', '229'))
        session.send(command, 'QUIT' if command.startswith('LIST') else session.mode)
        session.reply('1')
        exchange(data, command, local)
        session.reply('226')
        session.step(command.split()[0], began)
        began = time.monotonic()
    session.reply('221')


def main(how, host, mode, upload):
    began = time.monotonic()
    session = Session(how, host, mode)
    jobs = [
        ('RETR /pub/big.bin', 'first.bin'),
        ('STOR /pub/incoming/' + upload, ''),
        ('LIST /pub', 'listing.txt'),
    ]
    if how != 'pipelined':
        step_by_step(session, jobs)
    elif mode in ('PORT', 'EPRT'):
        pipelined_active(session, jobs)
    else:
        pipelined_passive(session, jobs)
    total = round(time.monotonic() - began, 4)
    summary = {'total': total, 'steps': session.steps}
    summary.update(bytes=session.written, segments=session.segments())
    print(json.dumps(summary))


main(*sys.argv[1:])
