import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  DROP_REASONS,
  DropReason,
  defaultEngineSettings,
  dropReasonName,
  Outcome,
} from '../../src/engine/index.ts';
import { Proto } from '../../src/wire/index.ts';
import { be16, join } from '../support/bytes.ts';
import { makeGateway } from '../support/gateway.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  loadPacket,
} from '../support/packets.ts';
import { seen } from '../support/seen.ts';
import { TcpSession } from '../support/tcp-session.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };

/** A frame with some of its bytes changed. */
function patched(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}

describe('frames that cannot be believed are dropped under their own names', () => {
  const udp = buildUdp({ ...out, payload: 'payload' });
  const udp6 = buildUdp({ ...out6, payload: 'payload' });
  const manyHeaders = Array.from({ length: 9 }, () => ({
    protocol: Proto.DestOptions,
    bytes: Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0),
  }));
  for (const [name, frame] of [
    ['truncated-link-header', udp.slice(0, 13)],
    ['truncated-ip-header', udp.slice(0, 30)],
    ['bad-ip-version', patched(udp, 14, 0x55)],
    ['bad-ip-header-length', patched(udp, 14, 0x44)],
    ['bad-ip-total-length', udp.slice(0, -1)],
    ['bad-ip-checksum', buildUdp({ ...out, badIpChecksum: true })],
    ['truncated-extension-header', patched(udp6, 20, Proto.DestOptions, 64).slice(0, -8)],
    ['too-many-extension-headers', buildUdp({ ...out6, extensions: manyHeaders })],
  ] as const) {
    test(name, () => {
      const gateway = makeGateway();
      const whole = name === 'truncated-extension-header' ? shortened(udp6) : frame;
      const left = gateway.inject('lan', whole);
      assert.equal(left.outcome, Outcome.Drop);
      assert.equal(left.reason, `malformed-${name}`);
      assert.equal(gateway.engine.drops[DropReason.Malformed], 1);
      assert.equal(gateway.connections, 0);
    });
  }

  /** Destination options that claim more than the datagram holds. */
  function shortened(frame: Uint8Array): Uint8Array {
    return patched(patched(frame, 20, Proto.DestOptions), 54, 17, 200);
  }
});

describe('transport headers that cannot be believed are INVALID: the rules decide', () => {
  const rules = `*filter
-A FORWARD -m state --state INVALID -j LOG
-A FORWARD -m state --state INVALID -j DROP
COMMIT
`;
  for (const [name, frame, logged] of [
    [
      'a TCP header cut short',
      buildIp(out, Proto.Tcp, new Uint8Array(12)),
      'PROTO=TCP INCOMPLETE [12 bytes] ',
    ],
    [
      'a TCP header that ends behind the packet',
      buildIp(out, Proto.Tcp, join(new Uint8Array(12), Uint8Array.of(0xf0), new Uint8Array(7))),
      'PROTO=TCP SPT=0 DPT=0 ',
    ],
    [
      'a UDP header cut short',
      buildIp(out, Proto.Udp, new Uint8Array(7)),
      'PROTO=UDP INCOMPLETE [7 bytes] ',
    ],
    [
      'a UDP length beyond the packet',
      buildIp(out, Proto.Udp, join(new Uint8Array(4), be16(9), be16(0))),
      'PROTO=UDP SPT=0 DPT=0 LEN=9 ',
    ],
    [
      'an ICMP header cut short',
      buildIp(out, Proto.Icmp, new Uint8Array(4)),
      'PROTO=ICMP INCOMPLETE [4 bytes] ',
    ],
  ] as const) {
    test(name, () => {
      const gateway = makeGateway({ rules });
      const left = gateway.inject('lan', frame);
      assert.equal(left.reason, 'rule-drop');
      assert.equal(gateway.count('filter', 'FORWARD', 2), 1);
      assert.ok(gateway.eventTexts('logged')[0]?.includes(logged), gateway.events[0]?.text);
      assert.equal(gateway.connections, 0);
    });
  }

  test('TCP flags that no segment has', () => {
    const gateway = makeGateway({ rules });
    assert.equal(gateway.inject('lan', buildTcp({ ...out, flags: 'SF' })).reason, 'rule-drop');
    assert.equal(gateway.inject('lan', buildTcp({ ...out, flags: 0 })).reason, 'rule-drop');
  });
});

describe('checksums', () => {
  test('a partial checksum, left to a network card, is completed', () => {
    for (const ends of [out, out6]) {
      const frame = buildTcp({ ...ends, flags: 'S', payload: 'x' });
      const packet = loadPacket(frame);
      const at = packet.l4Offset - packet.frameOffset + 16;
      // What a sender leaves there: the sum of the pseudo header, not inverted.
      const segment = frame.slice(at - 16);
      const length = segment.length;
      const words = [...frame.slice(ends === out ? 26 : 22, ends === out ? 34 : 54)];
      let sum = Proto.Tcp + length;
      for (let i = 0; i < words.length; i += 2) sum += words[i]! * 256 + words[i + 1]!;
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      const partial = patched(frame, at, sum >> 8, sum & 255);
      for (const checksums of ['verify', 'ignore'] as const) {
        const left = makeGateway({ settings: { checksums } }).inject('lan', partial);
        assert.equal(left.outcome, Outcome.Forward);
        assert.equal(left.seen?.text, 'x');
      }
    }
  });

  test('policy ignore: a bad checksum is tracked, and stays bad', () => {
    const gateway = makeGateway({ settings: { checksums: 'ignore' } });
    const passed = gateway.datapath.inject('lan', buildUdp({ ...out, badChecksum: true }));
    assert.equal(passed.outcome, Outcome.Forward);
    assert.equal(gateway.connections, 1);
    assert.throws(() => seen(passed.frame), /transport checksum/);
  });
});

test('a full table drops new connections and serves the known ones', () => {
  const defaults = defaultEngineSettings();
  const conntrack = { ...defaults.conntrack, maximum: 2 };
  const gateway = makeGateway({ settings: { conntrack } });
  // Assured ones: no room is made at their cost.
  const known = [80, 81].map((port) => new TcpSession(gateway, { server: { port } }).connect());
  const left = gateway.inject('lan', buildUdp(out));
  assert.equal(left.reason, 'conntrack-table-full');
  assert.equal(gateway.engine.drops[DropReason.TableFull], 1);
  for (const session of known) session.clientSays('still here');
  assert.equal(gateway.connections, 2);
  gateway.now(432_001);
  assert.equal(gateway.inject('lan', buildUdp(out)).outcome, Outcome.Forward);
});

test('an exhausted range drops the third connection and leaves nothing of it', () => {
  const rules = `*nat
-A POSTROUTING -o wan -p udp -j SNAT --to-source 203.0.113.1:6000-6001
COMMIT
`;
  const gateway = makeGateway({ rules });
  for (const i of [10, 11]) {
    const left = gateway.inject('lan', buildUdp({ ...out, src: `192.168.1.${i}` }));
    assert.ok(left.seen?.sport === 6000 || left.seen?.sport === 6001);
  }
  const third = gateway.inject('lan', buildUdp({ ...out, src: '192.168.1.12' }));
  assert.equal(third.reason, 'nat-exhausted');
  assert.equal(gateway.connections, 2);
  assert.equal(gateway.eventTexts('new').length, 2);
  assert.equal(gateway.engine.drops[DropReason.NatExhausted], 1);
  gateway.now(31);
  assert.equal(gateway.connections, 0);
  assert.equal(
    gateway.inject('lan', buildUdp({ ...out, src: '192.168.1.12' })).outcome,
    Outcome.Forward,
  );
});

test('a fixed port that is taken shows when the connection is entered', () => {
  const rules = '*nat\n-A POSTROUTING -o wan -p udp -j SNAT --to-source 203.0.113.1:5000\nCOMMIT\n';
  const gateway = makeGateway({ rules });
  assert.equal(gateway.inject('lan', buildUdp(out)).seen?.sport, 5000);
  const second = gateway.inject('lan', buildUdp({ ...out, src: '192.168.1.11' }));
  assert.equal(second.reason, 'nat-exhausted');
  const third = gateway.inject('lan', buildUdp({ ...out, src: '192.168.1.12', sport: 5001 }));
  assert.equal(third.reason, 'nat-exhausted');
  assert.equal(gateway.connections, 1);
});

test('every drop is counted once, under its reason', () => {
  const gateway = makeGateway({ rules: '*filter\n-A FORWARD -p udp -j DROP\nCOMMIT\n' });
  gateway.inject('lan', buildUdp(out));
  gateway.inject('lan', buildUdp({ ...out, ttl: 1 }));
  gateway.inject('lan', buildUdp({ ...out, badIpChecksum: true }));
  const { drops, counters } = gateway.engine;
  assert.equal(drops.length, DROP_REASONS);
  assert.equal(drops[DropReason.RuleDrop], 1);
  assert.equal(drops[DropReason.TtlExceeded], 1);
  assert.equal(drops[DropReason.Malformed], 1);
  assert.equal(
    drops.reduce((sum, n) => sum + n),
    counters.dropped,
  );
  assert.equal(counters.packets, 3);
});

test('every reason has a name of its own', () => {
  const names = Object.values(DropReason).map(dropReasonName);
  assert.equal(new Set(names).size, DROP_REASONS);
  assert.ok(names.every((name) => !name.startsWith('reason-')));
});

test('what is not IP, and neighbour discovery, is left to the host', () => {
  const gateway = makeGateway({ rules6: '*filter\n:INPUT DROP [0:0]\nCOMMIT\n' });
  const arp = join(new Uint8Array(12), be16(0x0806), new Uint8Array(28));
  assert.equal(gateway.inject('lan', arp).outcome, Outcome.Ignore);
  const solicitation = { ...out6, dst: 'ff02::1:ff00:1', type: 135, payload: 'x'.repeat(16) };
  assert.equal(gateway.inject('lan', buildIcmpv6(solicitation)).outcome, Outcome.Ignore);
  assert.equal(gateway.engine.counters.ignored, 2);
  assert.equal(
    gateway.inject('lan', buildIcmp({ ...out, dst: '192.168.1.1' })).outcome,
    Outcome.Deliver,
  );
});
