import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildUdp } from '../../support/packets.ts';
import { seen } from '../../support/seen.ts';
import { liveContract, playScenario } from '../live-contract/contract.ts';

const interfaces = { lan: '192.168.1.1/24', wan: '198.51.100.1/24' };
const rules = `*nat
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -i lan -j ACCEPT
COMMIT
`;
const server = { src: '198.51.100.9', sport: 53 };
const client = { src: '192.168.1.10', sport: 5000 };
const outside = { dst: '198.51.100.1', dport: 5000 };

/** A question and its answer, in each of these seconds. */
function talk(seconds: readonly number[]) {
  return seconds.flatMap((atSec) => {
    const question = { ...client, dst: server.src, dport: server.sport, payload: `q${atSec}` };
    const answer = { ...server, ...outside, payload: `answer ${atSec}` };
    return [
      { interfaceName: 'lan', atSec, frame: buildUdp({ ...question, ttl: 9 }) },
      { interfaceName: 'wan', atSec, frame: buildUdp({ ...answer, ttl: 5 }) },
    ];
  });
}

if (await liveContract('gate')) {
  test('packets that the kernel part passes look as those that the engine passes', async () => {
    // A stream after two seconds (nf_conntrack_proto_udp.c), and ripe for the kernel then.
    const seconds = [0, 3, 4, 5, 6, 7];
    const result = await playScenario('gate', { rules, interfaces }, talk(seconds));
    assert.deepEqual(result.outcomes, Array(2 * seconds.length).fill('forward'));
    assert.ok(result.counted['kernel.forwarded']! >= 6, JSON.stringify(result.counted));
    const packets = result.datagrams.map((text) => seen(Buffer.from(text, 'base64'), 'raw'));
    for (const [n, atSec] of seconds.entries()) {
      const [question, answer] = packets.slice(2 * n, 2 * n + 2);
      const { src, sport, dst, dport, ttl, text } = question!;
      const asked = [src, sport, dst, dport, ttl, text];
      assert.deepEqual(asked, [outside.dst, 5000, server.src, 53, 8, `q${atSec}`]);
      const back = [answer!.dst, answer!.dport, answer!.ttl, answer!.text];
      assert.deepEqual(back, [client.src, client.sport, 4, `answer ${atSec}`]);
    }
  });
}
