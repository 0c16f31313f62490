"""Sends frames through the gateway of a lab and says what comes out, one frame at a time.

Arguments: the namespaces of client, server and gateway, and for the first two the address that asks
and the address of the gateway on that side. Reads one JSON request a line, {"side": "lan" or "wan",
"frame": HEX}, and answers with the IP frames that arrived, {"lan": [HEX...], "wan": [HEX...]}; or
{}, and answers with what has arrived meanwhile.

On the gateway itself, UDP sockets take what comes for them and stay silent.
"""

import json
import socket
import sys

from taps import collect, exchange, open_taps

SILENT_PORTS = (21, 22, 53, 80, 443, 1024, 8080, 40000)


def silent_socket(port):
    taker = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    taker.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    taker.bind(('::', port))
    return taker


def main(*places):
    taps = open_taps(*places)
    silent = [silent_socket(port) for port in SILENT_PORTS]
    print('ready', len(silent), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if 'frame' in request:
            answer = exchange(taps, request['side'], bytes.fromhex(request['frame']))
        else:
            answer = collect(taps)
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])
