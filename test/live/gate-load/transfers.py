"""FTP transfers one after another in one session: transfers.py HOST VERB TIMES RETR-NAME FILE STOR-DIR SECRET.

VERB is PASV, EPSV, PORT or EPRT. Downloads pub/RETR-NAME TIMES times, and as often uploads FILE, which
is read back from STOR-DIR, where the server puts it. Prints a line of JSON for each transfer: what was
done, its bytes, SHA-256 and seconds. TIMES may be DOWN:UP.
"""

import ftplib
import hashlib
import json
import os
import socket
import sys
import time

BLOCK = 1 << 18
PATIENCE = 60


class Client(ftplib.FTP):
    """As its base, with the verb that the test wants in place of the one of the address family."""

    trust_server_pasv_ipv4_address = True
    verb = 'PASV'

    def makepasv(self):
        if self.verb == 'EPSV':
            return ftplib.parse229(self.sendcmd('EPSV'), self.sock.getpeername())
        return ftplib.parse227(self.sendcmd('PASV'))

    def sendeprt(self, host, port):
        family = 2 if ':' in host else 1
        return self.voidcmd(f'EPRT |{family}|{host}|{port}|')

    def makeport(self):
        listener = socket.create_server(
            (self.sock.getsockname()[0], 0), family=self.sock.family, backlog=1
        )
        host, port = listener.getsockname()[:2]
        (self.sendeprt if self.verb == 'EPRT' else self.sendport)(host, port)
        listener.settimeout(PATIENCE)
        return listener


def digest_of(path):
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def download(client, name):
    digest, count = hashlib.sha256(), 0

    def take(data):
        nonlocal count
        digest.update(data)
        count += len(data)

    client.retrbinary(f'RETR pub/{name}', take, BLOCK)
    return count, digest.hexdigest()


def upload(client, path, stored):
    with open(path, 'rb') as file:
        client.storbinary(f'STOR pub/incoming/{os.path.basename(stored)}', file, BLOCK)
    count, digest = os.path.getsize(stored), digest_of(stored)
    os.unlink(stored)
    return count, digest


def main(host, verb, times, name, path, directory, secret):
    downs, ups = (int(word) for word in (times if ':' in times else f'{times}:{times}').split(':'))
    client = Client(timeout=PATIENCE)
    client.verb = verb
    client.connect(host, 21)
    client.login('anonymous', secret)
    client.set_pasv(verb in ('PASV', 'EPSV'))
    stored = os.path.join(directory, f'{verb}-{os.getpid()}.bin')
    work = [('RETR', lambda: download(client, name))] * downs
    work += [('STOR', lambda: upload(client, path, stored))] * ups
    for what, transfer in work:
        began = time.monotonic()
        count, digest = transfer()
        seconds = time.monotonic() - began
        client.voidcmd('NOOP')
        line = {'what': what, 'bytes': count, 'sha256': digest, 'seconds': round(seconds, 3)}
        print(json.dumps(line), flush=True)
    client.quit()


main(*sys.argv[1:])
