/**
 * After conntrack_icmp_related.sh: client1 - router1 (masquerades) - router2 - client2, the last link
 * with a small MTU. All four are engines: the error that router2 makes has to be RELATED at router1 and
 * at client1, and to find the way to it. Redirects of ICMP are RELATED too.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../src/engine/index.ts';
import { addressBytes, join } from '../../support/bytes.ts';
import { makeGateway, type TestGateway } from '../../support/gateway.ts';
import { buildIcmp, buildIcmpv6 } from '../../support/packets.ts';
import { seen } from '../../support/seen.ts';
import { ctStateOf, type Family } from './play.ts';

const SMALL_MTU = 1280;
const hosts = {
  4: {
    client1: '192.168.1.2',
    router1: '192.168.1.1',
    client2: '192.168.2.2',
    masked: '192.168.3.1',
  },
  6: { client1: 'fd01::2', router1: 'fd01::1', client2: 'fd02::2', masked: 'fd03::1' },
} as const;
const router2Address = { 4: '192.168.3.10', 6: 'fd03::10' } as const;

/** Rule 1 counts the RELATED errors, rule 4 what nobody knows. */
function watch(chain: string, family: Family): string {
  const icmp = family === 4 ? 'icmp' : 'icmpv6';
  const error =
    family === 4 ? '--icmp-type destination-unreachable' : '--icmpv6-type packet-too-big';
  const redirect = family === 4 ? '--icmp-type redirect' : '--icmpv6-type redirect';
  return `*filter
-A ${chain} -p ${icmp} -m ${family === 4 ? 'icmp' : 'icmp6'} ${error} -m conntrack --ctstate RELATED -j ACCEPT
-A ${chain} -p ${icmp} -m ${family === 4 ? 'icmp' : 'icmp6'} ${redirect} -m conntrack --ctstate RELATED -j ACCEPT
-A ${chain} -p ${icmp} -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-A ${chain} -j DROP
COMMIT
`;
}

interface Row {
  readonly client1: TestGateway;
  readonly router1: TestGateway;
  readonly router2: TestGateway;
  readonly client2: TestGateway;
}

function rowOfFour(family: Family): Row {
  const h = hosts[family];
  const bits = family === 4 ? 24 : 64;
  const node = (chain: string, interfaces: Record<string, string>, out: string, more = '') => {
    const rules = watch(chain, family) + more;
    const withLength = Object.entries(interfaces).map(([name, at]) => [name, `${at}/${bits}`]);
    return makeGateway({
      ...(family === 4 ? { rules } : { rules6: rules }),
      interfaces: Object.fromEntries(withLength),
      defaultOut: out,
    });
  };
  const masquerade = '*nat\n-A POSTROUTING -o out -j MASQUERADE\nCOMMIT\n';
  const router2Inside = family === 4 ? '192.168.2.1' : 'fd02::1';
  const row = {
    client1: node('INPUT', { eth0: h.client1 }, 'eth0'),
    router1: node('FORWARD', { inside: h.router1, out: h.masked }, 'out', masquerade),
    router2: node('FORWARD', { near: router2Address[family], far: router2Inside }, 'near'),
    client2: node('INPUT', { eth0: h.client2 }, 'eth0'),
  };
  const { interfaces, routes } = row.router2.datapath;
  routes.setMtu(interfaces.id('far'), SMALL_MTU);
  return row;
}

/** A datagram in a frame. */
function framed(datagram: Uint8Array): Uint8Array {
  const type = datagram[0]! >> 4 === 4 ? [8, 0] : [0x86, 0xdd];
  return join(new Uint8Array(12), Uint8Array.from(type), datagram);
}

for (const family of [4, 6] as const) {
  const h = hosts[family];
  const build = family === 4 ? buildIcmp : buildIcmpv6;
  const [request, reply] = family === 4 ? [8, 0] : [128, 129];
  const ping = (size: number, dst: string = h.client2) =>
    build({ src: h.client1, dst, type: request, id16: 4711, seq16: 1, payload: 'p'.repeat(size) });
  const chainOf = (gateway: TestGateway, row: Row) =>
    gateway === row.router1 || gateway === row.router2 ? 'FORWARD' : 'INPUT';
  const counted = (row: Row, rule: number) =>
    [row.client1, row.router1, row.router2, row.client2].map((gateway) =>
      gateway.count('filter', chainOf(gateway, row), rule, family),
    );

  /** As far as router2: what becomes of the request there. */
  function asFarAsRouter2(row: Row, size: number) {
    const sent = row.client1.output('eth0', ping(size));
    const masked = row.router1.inject('inside', sent.frame);
    assert.equal(masked.interfaceName, 'out');
    assert.equal(masked.seen?.src, h.masked);
    return row.router2.inject('near', masked.frame);
  }

  describe(`ICMP errors over two routers, IPv${family}`, () => {
    test('a request that fits everywhere is answered, and nothing is RELATED', () => {
      const row = rowOfFour(family);
      const left = asFarAsRouter2(row, 1000);
      assert.equal(left.interfaceName, 'far');
      assert.equal(row.client2.inject('eth0', left.frame).outcome, Outcome.Deliver);
      const { sport: id16, payload } = left.seen!;
      const returned = { src: h.client2, dst: h.masked, type: reply, id16, seq16: 1, payload };
      const answer = build(returned);
      const out = row.client2.output('eth0', answer);
      const back = row.router1.inject('out', row.router2.inject('far', out.frame).frame);
      assert.equal(back.seen?.dst, h.client1);
      assert.equal(row.client1.inject('eth0', back.frame).outcome, Outcome.Deliver);
      assert.equal(ctStateOf(row.client1), 'ESTABLISHED');
      assert.deepEqual(counted(row, 1), [0, 0, 0, 0], 'RELATED');
      assert.deepEqual(counted(row, 4), [0, 0, 0, 0], 'unknown');
    });

    test('one that does not fit comes back as an error, to the client behind the masquerade', () => {
      const row = rowOfFour(family);
      const left = asFarAsRouter2(row, 1300);
      assert.equal(left.outcome, Outcome.Drop);
      assert.equal(left.answers.length, 1);
      const error = left.answers[0]!;
      assert.deepEqual([error.seen.src, error.seen.dst], [router2Address[family], h.masked]);
      // RFC 1812 4.3.2.3 lets 576 bytes do; RFC 4443 2.4 (c) wants as much as fits the smallest MTU.
      assert.equal(error.datagram.length, family === 4 ? 576 : 1280);

      const at1 = row.router1.inject('out', framed(error.datagram));
      assert.equal(ctStateOf(row.router1), 'RELATED');
      assert.equal(at1.interfaceName, 'inside');
      assert.deepEqual([at1.seen?.src, at1.seen?.dst], [router2Address[family], h.client1]);
      const mtu = new DataView(at1.seen!.datagram.buffer, at1.seen!.datagram.byteOffset);
      assert.equal(mtu.getUint32(at1.seen!.l3HeaderLen + 4) & 0xffff, SMALL_MTU);
      assertQuotesPing(at1.seen!.payload);

      assert.equal(row.client1.inject('eth0', at1.frame).outcome, Outcome.Deliver);
      assert.equal(ctStateOf(row.client1), 'RELATED');
      assert.deepEqual(
        counted(row, 1),
        [1, 1, 0, 0],
        'RELATED: router2 made it, it did not pass there',
      );
      assert.deepEqual(counted(row, 4), [0, 0, 0, 0], 'unknown');
    });

    test('an error about a request that nobody made is INVALID at both', () => {
      const row = rowOfFour(family);
      const error = asFarAsRouter2(row, 1300).answers[0]!;
      const stranger = rowOfFour(family);
      stranger.router1.inject('out', framed(error.datagram));
      assert.equal(ctStateOf(stranger.router1), 'INVALID');
      const at1 = row.router1.inject('out', framed(error.datagram));
      stranger.client1.inject('eth0', at1.frame);
      assert.equal(ctStateOf(stranger.client1), 'INVALID');
      assert.deepEqual(counted(stranger, 4), [1, 0, 0, 0]);
    });

    if (family === 4) {
      test('a redirect by the router is RELATED to what it is about', () => {
        const { client1, ...rest } = rowOfFour(family);
        const redirect = redirectOf(client1);
        assert.equal(client1.inject('eth0', redirect).outcome, Outcome.Deliver);
        assert.equal(ctStateOf(client1), 'RELATED');
        assert.deepEqual(counted({ client1, ...rest }, 2), [1, 0, 0, 0]);
        client1.engine.tracking.conntrack.flush();
        client1.inject('eth0', redirect);
        assert.equal(ctStateOf(client1), 'INVALID');
        assert.deepEqual(counted({ client1, ...rest }, 4), [1, 0, 0, 0]);
      });
    } else {
      // The kernel finds these RELATED too; here they are left to the host (docs/kernel-differences.md).
      test('a redirect by the router is left to the host', () => {
        const { client1 } = rowOfFour(family);
        const { outcome } = client1.inject('eth0', redirectOf(client1));
        assert.equal(outcome, Outcome.Ignore);
      });
    }
  });

  /** The quoted request is the one that client1 sent, as far as it is quoted. */
  function assertQuotesPing(quoted: Uint8Array): void {
    const sent = seen(ping(1300)).datagram;
    // The time to live is the one it had on its arrival at router2.
    const ttlAt = family === 4 ? 8 : 7;
    assert.equal(sent[ttlAt]! - quoted[ttlAt]!, 1);
    const addresses = family === 4 ? 12 : 8;
    const wanted = sent.slice(addresses, quoted.length);
    assert.deepEqual([...quoted.slice(addresses)], [...wanted]);
  }

  /** What client1 gets for a packet to a neighbour that it sends to the router. */
  function redirectOf(client1: TestGateway): Uint8Array {
    const neighbour = family === 4 ? '192.168.1.42' : 'fd01::42';
    const sent = client1.output('eth0', ping(56, neighbour));
    assert.equal(sent.outcome, Outcome.Forward);
    const { datagram } = sent.seen!;
    const target = addressBytes(neighbour);
    // RFC 792, for the host.
    if (family === 4) {
      const rest = new DataView(target.buffer, target.byteOffset).getInt32(0);
      return buildIcmp({ src: h.router1, dst: h.client1, type: 5, code: 1, rest, inner: datagram });
    }
    // RFC 4861 sections 4.5 and 4.6.3: the packet stands in an option, in units of eight bytes.
    const padding = new Uint8Array(-datagram.length & 7);
    const option = Uint8Array.of(4, (8 + datagram.length + padding.length) / 8, 0, 0, 0, 0, 0, 0);
    const inner = join(target, target, option, datagram, padding);
    return buildIcmpv6({ src: 'fe80::1', dst: h.client1, ttl: 255, type: 137, rest: 0, inner });
  }
}
