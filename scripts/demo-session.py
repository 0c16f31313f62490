"""An FTP session that is led by hand: one step per line of standard input.

Shows the dialogue on standard output, and a line with a single dot after each step. The password
is never shown.
"""

import hashlib
import socket
import sys

TIMEOUT_SEC = 10


class Session:
    def __init__(self, host):
        self.control = socket.create_connection((host, 21), TIMEOUT_SEC)
        self.replies = self.control.makefile("r", encoding="latin-1", newline="\r\n")
        self.data_address = None
        self.listener = None
        self.data = None
        self.received = b""

    def reply(self):
        line = self.replies.readline().rstrip("\r\n")
        first = line
        while line and (line[:3] != first[:3] or line[3:4] == "-"):
            line = self.replies.readline().rstrip("\r\n")
        print("<-", first)
        return first

    def say(self, command, shown=None):
        print("->", shown or command)
        self.control.sendall((command + "\r\n").encode("latin-1"))
        return self.reply()

    def login(self):
        self.reply()
        self.say("USER anonymous")
        self.say("PASS demo@example.org", "PASS ********")
        self.say("TYPE I")

    def passive(self):
        answer = self.say("PASV")
        numbers = [int(n) for n in answer[answer.index("(") + 1 : answer.index(")")].split(",")]
        self.data_address = (".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5])

    def active(self):
        self.listener = socket.create_server((self.control.getsockname()[0], 0))
        # Little room: a transfer that nobody reads shall still be under way.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.listener.settimeout(TIMEOUT_SEC)
        host, port = self.listener.getsockname()
        self.say("PORT %s,%d,%d" % (host.replace(".", ","), port >> 8, port & 255))

    def open(self, name):
        """Starts a download and reads a little of it: the transfer then stands still."""
        data = None
        if self.data_address is not None:
            data = socket.create_connection(self.data_address, TIMEOUT_SEC)
        self.say("RETR " + name)
        if data is None:
            data, peer = self.listener.accept()
            print("   the server connects from %s:%d" % peer)
        self.data_address = None
        self.data = data
        self.received = data.recv(4096)

    def finish(self):
        """Reads the rest of the download."""
        digest = hashlib.sha256(self.received)
        size = len(self.received)
        while block := self.data.recv(65536):
            digest.update(block)
            size += len(block)
        self.data.close()
        self.reply()
        print("   %d bytes, sha256 %s" % (size, digest.hexdigest()[:16]))

    def step(self, line):
        verb, _, argument = line.partition(" ")
        if verb == "raw":
            self.say(argument)
        elif verb == "open":
            self.open(argument)
        else:
            getattr(self, verb)()


def main():
    session = Session(sys.argv[1])
    for line in sys.stdin:
        session.step(line.strip())
        print(".", flush=True)


main()
