/**
 * Which tuples translated connections get, through the whole pipeline. Where figures are given they
 * are those of a gateway with Linux 6.18 under the same rules.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { sctpChecksumHolds } from '../../src/wire/sctp.ts';
import { addressBytes, be16, be32 } from '../support/bytes.ts';
import { type Left, makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { pseudoHeader, slowCrc32c, slowSum } from '../support/slow-checksum.ts';
import { TcpSession } from '../support/tcp-session.ts';

const server = '198.51.100.1';

function nat(...lines: string[]): string {
  return `*nat\n${lines.join('\n')}\nCOMMIT\n`;
}

function datagram(src: string, dst = server, sport = 5000, dport = 80): Uint8Array {
  return buildUdp({ src, dst, sport, dport, payload: 'x' });
}

function path({ seen, interfaceName, reason }: Left): string {
  if (seen === null) return `dropped: ${reason}`;
  return `${seen.src}:${seen.sport}>${seen.dst}:${seen.dport} @${interfaceName}`;
}

function statsOf(gateway: TestGateway) {
  return gateway.engine.tracking.conntrack.stats;
}

describe('hairpin: client and server behind the same interface', () => {
  const rules = nat(
    '-A PREROUTING -d 203.0.113.1 -p udp --dport 80 -j DNAT --to-destination 192.168.1.99:8080',
    '-A POSTROUTING -s 192.168.1.0/24 -d 192.168.1.0/24 -j MASQUERADE',
  );

  test('the server sees the gateway, and both get what is theirs', () => {
    const gateway = makeGateway({ rules });
    const there = gateway.inject('lan', datagram('192.168.1.10', '203.0.113.1'));
    assert.equal(path(there), '192.168.1.1:5000>192.168.1.99:8080 @lan');
    const answer = datagram('192.168.1.99', '192.168.1.1', 8080, 5000);
    assert.equal(path(gateway.inject('lan', answer)), '203.0.113.1:80>192.168.1.10:5000 @lan');
  });

  test('several clients with one port', () => {
    const gateway = makeGateway({ rules });
    const ports = [10, 11, 12].map((host) => {
      const left = gateway.inject('lan', datagram(`192.168.1.${host}`, '203.0.113.1'));
      assert.equal(left.seen?.src, '192.168.1.1');
      return left.seen.sport;
    });
    assert.equal(ports[0], 5000);
    assert.equal(new Set(ports).size, 3);
    ports.forEach((port, i) => {
      const answer = datagram('192.168.1.99', '192.168.1.1', 8080, port);
      assert.equal(gateway.inject('lan', answer).seen?.dst, `192.168.1.${10 + i}`);
    });
  });
});

describe('ranges of ports', () => {
  test('MASQUERADE: a port that lies within stays; the fourth of three is refused', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -p udp -j MASQUERADE --to-ports 7000-7002'),
    });
    const left = [10, 11, 12, 13].map((host) =>
      gateway.inject('lan', datagram(`192.168.1.${host}`, server, 7001)),
    );
    assert.equal(left[0]?.seen?.sport, 7001);
    assert.deepEqual(
      left
        .slice(1, 3)
        .map((one) => one.seen?.sport)
        .sort(),
      [7000, 7002],
    );
    assert.equal(left[3]?.reason, 'nat-exhausted');
    const { insertFailed, drop } = statsOf(gateway);
    assert.deepEqual([insertFailed, drop], [1, 1]);
  });

  test('REDIRECT: from the lowest up, and then the client gets another port', () => {
    const gateway = makeGateway({
      rules: nat('-A PREROUTING -i lan -p udp -j REDIRECT --to-ports 7000-7002'),
    });
    const seen = [1, 2, 3, 4, 5].map((n) => {
      const left = gateway.inject('lan', datagram('192.168.1.10', `45.0.0.${n}`));
      assert.equal(left.outcome, Outcome.Deliver);
      assert.equal(left.seen?.dst, '192.168.1.1');
      return left.seen;
    });
    assert.deepEqual(
      seen.map((one) => one.dport),
      [7000, 7001, 7002, 7002, 7002],
    );
    assert.deepEqual(
      seen.map((one) => one.sport === 5000),
      [true, true, true, false, false],
    );
  });

  test('ICMP: ids of a range, and one for whom none is left', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -p icmp -j SNAT --to-source 203.0.113.8:100-103'),
    });
    const ids = [10, 11, 12, 13].map((host) => {
      const ping = buildIcmp({ src: `192.168.1.${host}`, dst: server, id16: 77, payload: 'x' });
      return gateway.inject('lan', ping).seen?.sport;
    });
    assert.deepEqual(ids.sort(), [100, 101, 102, 103]);
    const fifth = buildIcmp({ src: '192.168.1.14', dst: server, id16: 77, payload: 'x' });
    assert.equal(gateway.inject('lan', fifth).reason, 'nat-exhausted');
    const within = buildIcmp({ src: '192.168.1.14', dst: '198.51.100.2', id16: 102 });
    assert.equal(gateway.inject('lan', within).seen?.sport, 102);
  });
});

test('ICMP: pings by two addresses to one server keep apart, there and back', () => {
  const gateway = makeGateway({
    rules: nat('-A PREROUTING -i lan -p icmp -j DNAT --to-destination 198.51.100.9'),
  });
  const ids = [1, 2, 3].map((n) => {
    const ping = buildIcmp({ src: '192.168.1.10', dst: `45.0.0.${n}`, id16: 77, payload: 'x' });
    return gateway.inject('lan', ping).seen!.sport;
  });
  assert.deepEqual(ids, [77, 0, 1]);
  ids.forEach((id16, i) => {
    const pong = { src: '198.51.100.9', dst: '192.168.1.10', type: 0, id16, payload: 'x' };
    const { seen } = gateway.inject('wan', buildIcmp(pong));
    assert.deepEqual([seen?.src, seen?.sport], [`45.0.0.${i + 1}`, 77]);
  });
});

describe('one client port to several servers', () => {
  test('keeps its public address and port', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.8-203.0.113.11'),
    });
    const sources = [1, 2, 3, 4, 5, 6].map((n) => {
      const { seen } = gateway.inject('lan', datagram('192.168.1.10', `198.51.100.${n}`));
      return `${seen?.src}:${seen?.sport}`;
    });
    assert.equal(new Set(sources).size, 1);
  });

  test('also where the rules have changed in between, as far as they allow', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.10'),
    });
    gateway.inject('lan', datagram('192.168.1.10'));
    gateway.reload(nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.8-203.0.113.11'));
    for (let n = 2; n < 12; n++) {
      const left = gateway.inject('lan', datagram('192.168.1.10', `198.51.100.${n}`));
      assert.equal(left.seen?.src, '203.0.113.10');
    }
    gateway.reload(nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.9'));
    const left = gateway.inject('lan', datagram('192.168.1.10', '198.51.100.77'));
    assert.equal(left.seen?.src, '203.0.113.9');
  });

  test('not beyond the end of its connections', () => {
    const rules = nat(
      `-A POSTROUTING -d ${server} -j SNAT --to-source 203.0.113.10`,
      '-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.8-203.0.113.11',
    );
    const alone = (n: number) =>
      makeGateway({ rules }).inject('lan', datagram('192.168.1.10', `198.51.100.${n}`)).seen?.src;
    const gateway = makeGateway({ rules });
    const elsewhere = [20, 21, 22, 23, 24].find((n) => alone(n) !== '203.0.113.10')!;
    gateway.inject('lan', datagram('192.168.1.10'));
    gateway.now(31);
    assert.equal(gateway.connections, 0);
    const left = gateway.inject('lan', datagram('192.168.1.10', `198.51.100.${elsewhere}`));
    assert.equal(left.seen?.src, alone(elsewhere));
  });
});

describe('TCP: the only port is held by a connection that has closed', () => {
  const rules = nat('-A POSTROUTING -o wan -p tcp -j SNAT --to-source 203.0.113.8:6000');

  function syn(seq: number): Uint8Array {
    return buildTcp({ src: '192.168.1.20', dst: server, sport: 5000, dport: 80, flags: 'S', seq });
  }

  function closed(): TestGateway {
    const gateway = makeGateway({ rules });
    const ends = { client: { iss: 1000 }, server: { address: server, port: 80 } };
    new TcpSession(gateway, ends).connect().close();
    return gateway;
  }

  test('it ends for a SYN with later sequence numbers', () => {
    const gateway = closed();
    assert.equal(gateway.inject('lan', syn(900)).reason, 'nat-exhausted');
    assert.equal(gateway.inject('lan', syn(2000)).seen?.sport, 6000);
    assert.equal(gateway.connections, 1);
    assert.equal(gateway.eventTexts('destroy').length, 1);
  });

  test('and stays while it is open', () => {
    const gateway = makeGateway({ rules });
    new TcpSession(gateway, { server: { address: server, port: 80 } }).connect();
    for (const seq of [1, 0x40000000, 0x7fffffff, 0xc0000000]) {
      assert.equal(gateway.inject('lan', syn(seq)).reason, 'nat-exhausted');
    }
    assert.equal(gateway.connections, 1);
  });
});

describe('checksums of rewritten ports', () => {
  const ends = { src: '192.168.1.10', dst: server };

  test('SCTP: the CRC is made anew', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o wan -p sctp -j SNAT --to-source 203.0.113.8:6000'),
    });
    // INIT: type 1, 20 bytes, tag, window, streams, first number.
    const init = [1, 0, ...be16(20), ...be32(0x1234), ...be32(65_535), ...be16(1), ...be16(1)];
    const head = [...be16(5000), ...be16(80), ...be32(0), ...be32(0)];
    const frame = buildIp(ends, 132, Uint8Array.from([...head, ...init, ...be32(7)]));
    const packet = loadPacket(frame);
    packet.view.setUint32(
      packet.l4Offset + 8,
      slowCrc32c(packet.bytes.slice(packet.l4Offset, packet.l3End)),
      true,
    );
    const left = gateway.inject('lan', packet.copyFrame());
    assert.deepEqual([left.seen?.src, left.seen?.sport], ['203.0.113.8', 6000]);
    const sent = loadPacket(left.frame!);
    assert.ok(sctpChecksumHolds(sent));
    const field = sent.view.getUint32(sent.l4Offset + 8, true);
    const segment = sent.bytes.slice(sent.l4Offset, sent.l3End);
    segment.fill(0, 8, 12);
    assert.equal(field, slowCrc32c(segment) >>> 0);
  });

  for (const coverage of [0, 8, 12]) {
    test(`UDP-Lite that covers ${coverage} bytes`, () => {
      const gateway = makeGateway({
        rules: nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.8'),
      });
      const ports = [10, 11].map((host) => {
        const src = `192.168.1.${host}`;
        const left = gateway.inject('lan', buildLite(src, coverage));
        const sent = loadPacket(left.frame!);
        const segment = sent.bytes.slice(sent.l4Offset, sent.l3End);
        const covered = coverage === 0 ? segment : segment.slice(0, coverage);
        const pseudo = pseudoHeader(
          addressBytes('203.0.113.8'),
          addressBytes(server),
          136,
          segment.length,
        );
        assert.equal(slowSum(Uint8Array.from([...pseudo, ...covered])), 0xffff);
        return left.seen?.sport;
      });
      assert.equal(ports[0], 5000);
      assert.notEqual(ports[1], 5000);
    });
  }

  function buildLite(src: string, coverage: number): Uint8Array {
    const segment = Uint8Array.from([
      ...[...be16(5000), ...be16(80), ...be16(coverage), ...be16(0)],
      ...[1, 2, 3, 4, 5, 6],
    ]);
    const pseudo = pseudoHeader(addressBytes(src), addressBytes(server), 136, segment.length);
    const covered = coverage === 0 ? segment : segment.slice(0, coverage);
    const sum = ~slowSum(Uint8Array.from([...pseudo, ...covered])) & 0xffff;
    segment.set(be16(sum), 6);
    return buildIp({ src, dst: server }, 136, segment);
  }
});

test('GRE of four bytes is translated like longer ones', () => {
  const gateway = makeGateway({ rules: nat('-A POSTROUTING -o wan -j MASQUERADE') });
  const header = Uint8Array.of(0, 0, 8, 0);
  const out = gateway.inject('lan', buildIp({ src: '192.168.1.10', dst: server }, 47, header));
  assert.equal(out.seen?.src, '203.0.113.1');
  const back = gateway.inject('wan', buildIp({ src: server, dst: '203.0.113.1' }, 47, header));
  assert.equal(back.seen?.dst, '192.168.1.10');
});
