"""A small FTP server, and a client. `ftp.py serve`; `ftp.py get HOST passive|active`."""

import ftplib
import hashlib
import random
import socket
import sys
import threading

FILE = random.Random(21).randbytes(1 << 20)


class Session:
    def __init__(self, control):
        self.control = control
        self.connect = None

    def passive(self, reply):
        address = self.control.getsockname()[0]
        listener = socket.socket(self.control.family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(1)
        listener.settimeout(5)
        port = listener.getsockname()[1]
        self.connect = lambda: listener.accept()[0]
        if reply == 229:
            return f'229 Entering Extended Passive Mode (|||{port}|)'
        numbers = ','.join(address.removeprefix('::ffff:').split('.') + [str(port >> 8), str(port & 255)])
        return f'227 Entering Passive Mode ({numbers}).'

    def active(self, host, port):
        if ':' not in host:
            host = f'::ffff:{host}'
        self.connect = lambda: socket.create_connection((host, port), 5)
        return '200 OK'

    def answer(self, verb, rest):
        if verb == 'PASV':
            return self.passive(227)
        if verb == 'EPSV':
            return self.passive(229)
        if verb == 'PORT':
            parts = rest.split(',')
            return self.active('.'.join(parts[:4]), int(parts[4]) * 256 + int(parts[5]))
        if verb == 'EPRT':
            _, _, host, port, _ = rest.split(rest[0])
            return self.active(host, int(port))
        if verb == 'RETR':
            return self.retrieve()
        return {'USER': '331 and?', 'PASS': '230 in', 'TYPE': '200 OK', 'QUIT': '221 bye'}.get(verb, '500 ?')

    def retrieve(self):
        data = self.connect()
        self.control.sendall(b'150 here it comes\r\n')
        data.sendall(FILE)
        data.close()
        return '226 done'

    def run(self):
        self.control.sendall(b'220 hi\r\n')
        for line in self.control.makefile(encoding='latin-1'):
            verb, _, rest = line.strip().partition(' ')
            try:
                reply = self.answer(verb.upper(), rest)
            except OSError as error:
                reply = f'425 {type(error).__name__}'
            self.control.sendall(f'{reply}\r\n'.encode())


def serve():
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('::', 21))
    listener.listen(8)
    print('listening', flush=True)
    while True:
        control, _ = listener.accept()
        threading.Thread(target=Session(control).run, daemon=True).start()


def get(host, mode):
    client = ftplib.FTP(timeout=4)
    try:
        client.connect(host)
        client.login('anonymous', 'guest')
        client.set_pasv(mode == 'passive')
        digest = hashlib.sha256()
        client.retrbinary('RETR file', digest.update)
        client.quit()
        return 'whole' if digest.digest() == hashlib.sha256(FILE).digest() else 'differs'
    except (OSError, EOFError, ftplib.Error) as error:
        return f'{type(error).__name__}: {error}'


if sys.argv[1] == 'serve':
    serve()
print(get(sys.argv[2], sys.argv[3]))
