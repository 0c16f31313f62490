/** Damaged and random frames through a gateway with every table: nothing throws, nothing leaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { Status } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp } from '../support/packets.ts';
import { seen } from '../support/seen.ts';
import { TcpSession } from '../support/tcp-session.ts';

const rules = `*raw
-A PREROUTING -p udp --dport 9 -j NOTRACK
-A PREROUTING -p tcp --dport 2121 -j CT --helper ftp
COMMIT
*nat
-A PREROUTING -i wan -p tcp --dport 2100:2199 -j DNAT --to-destination 192.168.1.20:21
-A PREROUTING -i lan -p udp --dport 53 -j REDIRECT --to-ports 5353
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
*filter
-A FORWARD -m state --state INVALID -j LOG --log-tcp-options --log-ip-options
-A FORWARD -p tcp --dport 25 -j REJECT --reject-with tcp-reset
-A FORWARD -p udp --dport 123 -j REJECT
-A INPUT -p icmp -j LOG
COMMIT
`;
const rules6 = `*nat
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
*filter
-A FORWARD -m state --state INVALID -j LOG
-A FORWARD -p udp -j REJECT
COMMIT
`;

const payloads = [
  'PORT 192,168,1,10,200,10\r\n',
  'PORT 10,9,9,9,1,1\r\nPORT 192,168,1,10,4,1\r\n',
  'EPRT |2|fd00:1::10|51210|\r\n',
  '227 Entering Passive Mode (192,168,1,20,117,48).\r\n',
  '229 x (|||3000|)\r\n',
  'PO',
  '',
];
const flagSets = ['S', 'SA', 'A', 'PA', 'FA', 'R', 'RA'];

class FrameSource {
  private readonly random: Prng;

  constructor(seed: number) {
    this.random = new Prng(seed);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }

  next(): { interfaceName: string; frame: Uint8Array; isSound: boolean } {
    const fromLan = this.random.below(2) === 0;
    const frame = this.random.below(4) === 0 ? this.six(fromLan) : this.four(fromLan);
    const sent = this.damaged(frame);
    const isSound = Buffer.from(frame).equals(sent);
    return { interfaceName: fromLan ? 'lan' : 'wan', frame: sent, isSound };
  }

  private four(fromLan: boolean): Uint8Array {
    const inner = this.pick(['192.168.1.10', '192.168.1.11', '192.168.1.20']);
    const outer = this.pick(['198.51.100.9', '198.51.100.10']);
    const ends = fromLan
      ? { src: inner, dst: this.pick([outer, '192.168.1.1', '192.168.1.255', '224.0.0.1']) }
      : { src: outer, dst: this.pick(['203.0.113.1', '203.0.113.1', inner]) };
    const common = { ...ends, ttl: this.pick([64, 64, 64, 1]) };
    if (this.random.below(6) === 0) {
      return buildIcmp({
        ...common,
        type: this.pick([0, 3, 5, 8, 11, 13]),
        id16: 7,
        payload: 'x'.repeat(30),
      });
    }
    return this.transport(common);
  }

  private six(fromLan: boolean): Uint8Array {
    const pair = ['fd00:1::10', '2001:db8:9::9'];
    const [src = '', dst = ''] = fromLan ? pair : [pair[1]!, '2001:db8:1::1'];
    if (this.random.below(6) === 0) {
      return buildIcmpv6({
        src,
        dst,
        type: this.pick([1, 2, 128, 129, 135, 143]),
        payload: 'x'.repeat(44),
      });
    }
    return this.transport({ src, dst });
  }

  private transport(ends: { src: string; dst: string }): Uint8Array {
    const ports = {
      sport: this.pick([20, 21, 40_000, 40_001]),
      dport: this.pick([9, 21, 25, 53, 123, 2121, 2122, 40_000, 51_210]),
    };
    if (this.random.below(3) === 0) return buildUdp({ ...ends, ...ports, payload: 'data' });
    return buildTcp({
      ...ends,
      ...ports,
      flags: this.pick(flagSets),
      seq: this.pick([1, 2, 3, 27, 0xffff_fff0]),
      ack: this.pick([1, 2, 3, 0xffff_fff0]),
      payload: this.pick(payloads),
      options: this.pick([new Uint8Array(0), Uint8Array.of(5, 10, 0, 0, 0, 1, 0, 0, 0, 9)]),
    });
  }

  /** One in three is hurt: bytes changed, or the end cut off. */
  private damaged(frame: Uint8Array): Uint8Array {
    const how = this.random.below(6);
    const copy = frame.slice();
    if (how === 0) {
      for (let i = 0; i < 3; i++) copy[this.random.below(copy.length)] = this.random.below(256);
    }
    return how === 1 ? copy.slice(0, this.random.below(copy.length)) : copy;
  }
}

/** Every row in use stands in the table: none was forgotten on the way. */
function assertNoLeak(gateway: TestGateway): void {
  const { table } = gateway.engine.tracking.conntrack;
  let confirmed = 0;
  for (let row = 0; row < table.highWater; row++) {
    if (table.inUse(row) && table.hasStatus(row, Status.Confirmed)) confirmed++;
  }
  assert.equal(confirmed, table.count);
}

/** Every so many frames, a dialogue in order, whose pinhole some of the frames behind it may use. */
const DIALOGUE_EVERY = 200;

function announce(gateway: TestGateway, port: number): void {
  const session = new TcpSession(gateway, { client: { port } }).connect().greet();
  session.clientSays('PORT 192,168,1,10,200,10\r\n');
  assert.match(session.server.received, /^PORT 203,0,113,1,/);
}

for (const bounce of ['reject', 'drop', 'reset', 'pass'] as const) {
  test(`8,000 frames, bounce policy ${bounce}`, () => {
    const settings = {
      ftp: ftpWith({ bounce }),
      checksums: bounce === 'drop' ? 'ignore' : 'verify',
    } as const;
    const gateway = makeGateway({ rules, rules6, settings });
    const { engine, datapath } = gateway;
    const source = new FrameSource(bounce.length * 7919);
    const ofDialogue = 5;
    const dialogues = 8000 / DIALOGUE_EVERY;
    for (let n = 0; n < 8000; n++) {
      if (n % DIALOGUE_EVERY === 0) announce(gateway, 50_000 + n / DIALOGUE_EVERY);
      const { interfaceName, frame, isSound } = source.next();
      const passed = datapath.inject(interfaceName, frame, LinkType.Ethernet);
      if (passed.outcome === Outcome.Drop) assert.notEqual(engine.flight.reasonName(), '');
      if (passed.outcome === Outcome.Forward) assert.notEqual(passed.interfaceName, '');
      assert.ok(engine.flight.inIf >= 0);
      // What was sound when it came is sound when it leaves, and so is every answer.
      if (isSound && passed.outcome === Outcome.Forward) seen(passed.frame);
      for (const { datagram } of datapath.sent) seen(datagram, 'raw');
      datapath.sent.length = 0;
      if (n % 50 === 0) gateway.now(n / 20);
      if (n % 200 === 0) assertNoLeak(gateway);
    }
    const { counters, drops } = engine;
    const { forwarded, delivered, dropped, ignored, held } = counters;
    const total = forwarded + delivered + dropped + ignored + held;
    assert.equal(counters.packets, 8000 + ofDialogue * dialogues);
    assert.equal(total, counters.packets);
    assert.equal(engine.tracking.ftp.counters.announced, dialogues);
    assert.ok(engine.tracking.ftp.counters.refused > 50);
    assert.equal(
      drops.reduce((sum, count) => sum + count),
      counters.dropped,
    );
    assert.equal(drops[0], 0, 'no drop without a reason');
    assert.ok(counters.forwarded > 1000 && counters.dropped > 500 && counters.rewritten > 500);
    const born = gateway.eventTexts('new').length;
    const ended = gateway.eventTexts('destroy').length;
    assert.equal(born - ended, gateway.connections);
    gateway.now(1_000_000);
    assert.equal(gateway.connections, 0);
    assert.equal(gateway.expectations, 0);
  });
}
