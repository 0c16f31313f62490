"""One FTP session with Python's ftplib: download, upload, listing, download.

Arguments: host, mode (PORT, PASV, EPRT, EPSV), name for the upload, timeout in seconds.
Works in the current directory; the dialogue goes to standard output.
"""

import ftplib
import socket
import sys


class Client(ftplib.FTP):
    """ftplib chooses the command by address family; this one takes it as given."""

    mode = 'PASV'
    # By default ftplib ignores the address of a 227 reply. Its translation is what is tested here.
    trust_server_pasv_ipv4_address = True

    def makepasv(self):
        if self.mode == 'EPSV':
            return ftplib.parse229(self.sendcmd('EPSV'), self.sock.getpeername())
        return super().makepasv()

    def makeport(self):
        if self.mode != 'EPRT':
            return super().makeport()
        listener = socket.create_server(('', 0), family=self.af, backlog=1)
        listener.settimeout(self.timeout)
        self.sendeprt(self.sock.getsockname()[0], listener.getsockname()[1])
        return listener


def main(host, mode, upload, timeout):
    ftp = Client()
    ftp.mode = mode
    ftp.set_debuglevel(1)
    ftp.set_pasv(mode in ('PASV', 'EPSV'))
    ftp.connect(host, 21, timeout=float(timeout))
    ftp.login()
    with open('first.bin', 'wb') as file:
        ftp.retrbinary('RETR /pub/big.bin', file.write)
    with open('upload.bin', 'rb') as file:
        ftp.storbinary('STOR /pub/incoming/' + upload, file)
    with open('listing.txt', 'w', encoding='utf-8') as file:
        ftp.retrlines('LIST /pub', lambda line: print(line, file=file))
    with open('second.bin', 'wb') as file:
        ftp.retrbinary('RETR /pub/big.bin', file.write)
    ftp.quit()


main(*sys.argv[1:])
