/** What comes in fragments is decided as a whole, and written in fragments again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutAt, joined } from '../engine/fragment-support.ts';
import { buildUdp } from '../support/packets.ts';
import { seen } from '../support/seen.ts';
import { Bench, only } from './support.ts';

const rules = `*nat
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -p udp -m udp --dport 53 -j ACCEPT
COMMIT
`;

test('fragments in a capture', (t) => {
  const bench = new Bench(t);
  const ends = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
  const whole = buildUdp({ ...ends, payload: 'x'.repeat(2992), dontFragment: false });
  const alone = buildUdp({ ...ends, payload: 'y'.repeat(2000), dontFragment: false, id: 2 });
  const [first, ...others] = cutAt(whole, [1000, 2000]);
  const options = {
    rules: [bench.file('rules', rules)],
    read: bench.capture('in.pcap', [...others, first!, cutAt(alone, [1000])[0]!]),
    write: bench.path('out.pcap'),
    interfaces: ['lan=192.168.1.1/24', 'wan=203.0.113.1/24', 'wan=0.0.0.0/0'],
    verifyChecksums: true,
  };
  const reports = bench.reports(options);
  assert.deepEqual(
    only(reports, 'packet').map(({ verdict, reason, ctstate }) => [verdict, reason, ctstate]),
    [
      ['HOLD', 'fragment', 'UNTRACKED'],
      ['HOLD', 'fragment', 'UNTRACKED'],
      ['ACCEPT', 'rule', 'NEW'],
      ['HOLD', 'fragment', 'UNTRACKED'],
    ],
  );
  const written = bench.frames('out.pcap').map(({ data }) => Uint8Array.from(data));
  assert.deepEqual(
    written.map((frame) => frame.length - 14),
    [1020, 1020, 1020],
  );
  const out = seen(joined(written));
  assert.deepEqual([out.src, out.payload.length], ['203.0.113.1', 2992]);
  const { stdout } = bench.replay({ ...options, write: null });
  assert.match(stdout, /^#1 0\.000000 HOLD UNTRACKED proto 17|^#1 0\.000000 HOLD UNTRACKED udp/m);
  assert.match(stdout, /4 packets: 1 accepted, 0 dropped \(0 with an answer\), 3 held;/);
});
