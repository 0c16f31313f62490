"""An FTP server made of pyftpdlib, for the interoperability matrix: anonymous, may upload.

Arguments: address to listen on, directory to serve. Prints `ready` when it listens.
"""

import logging
import sys
import warnings

# asyncore and asynchat, of which pyftpdlib is made, announce their end since Python 3.6.
warnings.simplefilter('ignore')

from pyftpdlib.authorizers import DummyAuthorizer  # noqa: E402
from pyftpdlib.handlers import FTPHandler  # noqa: E402
from pyftpdlib.servers import MultiprocessFTPServer  # noqa: E402


def main(address, directory):
    logging.basicConfig(level=logging.WARNING)
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(directory, perm='elradfmwMT')
    handler = FTPHandler
    handler.authorizer = authorizer
    handler.passive_ports = range(50000, 51000)
    # A process per session: with all sessions in one poll loop, pyftpdlib 1.5.7 now and then forgets
    # one of several clients at a time (seen without any firewall between them).
    server = MultiprocessFTPServer((address, 21), handler)
    print('ready', flush=True)
    server.serve_forever(handle_exit=False)


main(*sys.argv[1:])
