/** Broadcast and multicast through the gate, as through the kernel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lab, mustRunIn } from '../harness.ts';
import { own, prepare } from './own-rules.ts';
import { sameAsKernel } from './twins.ts';

/** Listens for groups and broadcasts on the gateway, and sends one of each from the client. */
const groups = `
import json, select, socket, struct, sys
def service(port, group=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(('', port))
    if group:
        member = socket.inet_aton(group) + socket.inet_aton('192.168.77.1')
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    return sock
socks = [service(4400), service(4401), service(4402, '239.1.2.3'), service(4403, '239.1.2.3')]
print('listening', flush=True)
sys.stdin.readline()
for sock in socks:
    got = []
    while select.select([sock], [], [], 0.2)[0]:
        data, peer = sock.recvfrom(100)
        got.append([data.decode(), peer[0]])
    print(json.dumps(got))
`;
const callers = `
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
for port in (4400, 4401):
    sock.sendto(b'all', ('255.255.255.255', port))
    sock.sendto(b'net', ('192.168.77.255', port))
for port in (4402, 4403):
    sock.sendto(b'group', ('239.1.2.3', port))
`;

async function playGroups(lab: Lab): Promise<string[]> {
  const { spawn } = await import('node:child_process');
  const child = spawn('ip', ['netns', 'exec', `ph-${lab.name}-gateway`, 'python3', '-uc', groups]);
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  while (!output.includes('listening'))
    await new Promise((resolve) => child.stdout.once('data', resolve));
  await mustRunIn(lab, 'client', ['python3', '-c', callers]);
  child.stdin.end('\n');
  await ended;
  return output.trim().split('\n');
}

test('broadcast and multicast reach a socket where INPUT accepts them', async (t) => {
  const seen = await sameAsKernel(t, { name: 'groups', rules: own, prepare, play: playGroups });
  assert.match(seen?.join() ?? 'skipped', /all.*net.*group|skipped/);
});
