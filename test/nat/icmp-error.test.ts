import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Status } from '../../src/conntrack/index.ts';
import { rewriteSource } from '../../src/nat/index.ts';
import { errorAbout, quotedBy } from '../support/icmp-errors.ts';
import { authentication, buildUdp, destinationOptions, loadPacket } from '../support/packets.ts';
import { seen } from '../support/seen.ts';

import {
  connection,
  datagram,
  type Hop,
  kindsOf,
  places,
  raw,
  shows,
  through,
  tupleOf,
} from './quotes.ts';

for (const family of [4, 6] as const) {
  const { inside, outside, server, router } = places[family];
  const before: Hop = { src: inside, dst: server, sport: 5000, dport: 80 };
  const masqueraded: Hop = { src: outside, dst: server, sport: 6000, dport: 80 };
  const asked: Hop = { src: server, dst: outside, sport: 5000, dport: 8080 };
  const forwarded: Hop = { src: server, dst: inside, sport: 5000, dport: 80 };
  const both: Hop = { src: router, dst: inside, sport: 7000, dport: 80 };
  const answer = (hop: Hop): Hop => ({
    src: hop.dst,
    dst: hop.src,
    sport: hop.dport,
    dport: hop.sport,
  });

  for (const kind of kindsOf[family]) {
    const hasId = kind === 'icmp' || kind === 'icmpv6';
    /** Queries only are quoted here, so the id stays in the place of the source port. */
    const back = (hop: Hop) =>
      datagram(kind, hasId ? { ...answer(hop), sport: hop.sport } : answer(hop));

    describe(`quotes of ${kind}, IPv${family}`, () => {
      test('source NAT: an error from outside shows the client its own datagram', () => {
        const c = connection(family, kind, before, masqueraded, Status.SrcNat);
        const left = through(c, 1, errorAbout(datagram(kind, masqueraded), raw))!;
        const error = seen(left, 'raw');
        assert.deepEqual([error.src, error.dst], [server, inside]);
        assert.deepEqual([...quotedBy(error).datagram], [...datagram(kind, before)]);
      });

      test('source NAT: an error from inside shows the server what it sent', () => {
        const c = connection(family, kind, before, masqueraded, Status.SrcNat);
        for (const from of [inside, router]) {
          const left = through(c, 0, errorAbout(back(before), { ...raw, src: from }))!;
          const error = seen(left, 'raw');
          assert.deepEqual([error.src, error.dst], [outside, server], `from ${from}`);
          assert.deepEqual([...quotedBy(error).datagram], [...back(masqueraded)]);
        }
      });

      test('destination NAT: both ways', () => {
        const c = connection(family, kind, asked, forwarded, Status.DstNat);
        const fromInside = seen(
          through(c, 1, errorAbout(datagram(kind, forwarded), { ...raw, src: router }))!,
          'raw',
        );
        assert.deepEqual([fromInside.src, fromInside.dst], [outside, server]);
        const fromOutside = seen(through(c, 0, errorAbout(back(asked), raw))!, 'raw');
        assert.deepEqual([fromOutside.src, fromOutside.dst], [server, inside]);
        assert.deepEqual([...quotedBy(fromInside).datagram], [...datagram(kind, asked)]);
        assert.deepEqual([...quotedBy(fromOutside).datagram], [...back(forwarded)]);
      });

      test('both translations at once', () => {
        const c = connection(family, kind, asked, both, Status.SrcNat | Status.DstNat);
        const error = seen(through(c, 1, errorAbout(datagram(kind, both), raw))!, 'raw');
        assert.deepEqual([error.src, error.dst], [outside, server]);
        assert.deepEqual([...quotedBy(error).datagram], [...datagram(kind, asked)]);
      });

      test('no length of quote lets the inside address out', () => {
        const headerLen = family === 4 ? 20 : 40;
        const snat = connection(family, kind, before, masqueraded, Status.SrcNat);
        const dnat = connection(family, kind, asked, forwarded, Status.DstNat);
        const cases = [
          [snat, 0, back(before)],
          [dnat, 1, datagram(kind, forwarded)],
        ] as const;
        for (const [c, direction, about] of cases) {
          for (let quotedLen = headerLen + 8; quotedLen <= about.length; quotedLen++) {
            for (const src of [inside, router]) {
              const left = through(c, direction, errorAbout(about, { ...raw, src, quotedLen }));
              assert.ok(left, `${quotedLen} bytes are enough`);
              seen(left, 'raw');
              assert.ok(!shows(left, inside) && !shows(left, router), `${quotedLen} bytes`);
            }
          }
        }
      });
    });
  }

  describe(`errors, IPv${family}`, () => {
    const translated = connection(family, 'udp', before, masqueraded, Status.SrcNat);

    test('a quote without the bytes that show a port is dropped, and nothing is read behind it', () => {
      const about = datagram('udp', masqueraded);
      const headerLen = family === 4 ? 20 : 40;
      for (let quotedLen = 0; quotedLen < headerLen + 8; quotedLen++) {
        const error = errorAbout(about, { ...raw, quotedLen });
        assert.equal(through(translated, 1, error), null, `${quotedLen} bytes`);
      }
    });

    test('random connections, lengths and hidden hosts (property)', () => {
      const port = fc.integer({ min: 1, max: 65_535 });
      const run = fc.record({
        kind: fc.constantFrom(...kindsOf[family]),
        sport: port,
        translatedPort: port,
        dport: port,
        cut: fc.integer({ min: 8, max: 60 }),
        rest: fc.nat(),
        chained: fc.boolean(),
      });
      fc.assert(
        fc.property(run, ({ kind, sport, translatedPort, dport, cut, rest, chained }) => {
          const cameIn = { src: inside, dst: server, sport, dport };
          const wentOut = { src: outside, dst: server, sport: translatedPort, dport };
          const c = connection(family, kind, cameIn, wentOut, Status.SrcNat);
          const hasId = kind === 'icmp' || kind === 'icmpv6';
          const hop = hasId ? { ...answer(cameIn), sport } : answer(cameIn);
          const extensions =
            chained && family === 6 ? [destinationOptions(), authentication()] : [];
          const about = datagram(kind, hop, { extensions });
          const chainLen = extensions.reduce((sum, { bytes }) => sum + bytes.length, 0);
          const quotedLen = (family === 4 ? 20 : 40) + chainLen + cut;
          const left = through(c, 0, errorAbout(about, { ...raw, src: router, rest, quotedLen }))!;
          seen(left, 'raw');
          assert.ok(!shows(left, inside) && !shows(left, router));
        }),
        { seed: 4, numRuns: 300 },
      );
    });

    test('a damaged error is dropped', () => {
      const error = errorAbout(datagram('udp', masqueraded), { ...raw, badChecksum: true });
      assert.equal(through(translated, 1, error), null);
    });

    test('the second word (MTU, pointer, gateway) is no id and stays', () => {
      const about = datagram('udp', masqueraded);
      const error = errorAbout(about, { ...raw, rest: 0x1234_0578 });
      const left = through(translated, 1, error)!;
      const at = family === 4 ? 24 : 44;
      assert.deepEqual([...left.slice(at, at + 4)], [0x12, 0x34, 0x05, 0x78]);
      const packet = loadPacket(error, 'raw');
      rewriteSource(packet, tupleOf(family, 'udp', before));
      assert.equal(packet.view.getInt32(packet.l4Offset + 4), 0x1234_0578);
    });

    test('a TCP checksum is mended where the whole header is quoted', () => {
      const c = connection(family, 'tcp', before, masqueraded, Status.SrcNat);
      const about = datagram('tcp', masqueraded);
      const headerLen = family === 4 ? 20 : 40;
      const sumAt = headerLen + 16;
      for (const [bytes, source] of [
        [19, about],
        [20, datagram('tcp', before)],
      ] as const) {
        const quotedLen = headerLen + bytes;
        const left = through(c, 1, errorAbout(about, { ...raw, quotedLen }))!;
        const quote = left.slice(headerLen + 8);
        const expected = source.slice(sumAt, sumAt + 2);
        assert.deepEqual([...quote.slice(sumAt, sumAt + 2)], [...expected], `${bytes} bytes`);
      }
    });

    test('UDP without a checksum gets none', () => {
      const about = buildUdp({ ...masqueraded, ...raw, noChecksum: true, payload: 'x' });
      const left = through(translated, 1, errorAbout(about, raw))!;
      const at = family === 4 ? 28 : 48;
      const headerLen = family === 4 ? 20 : 40;
      assert.deepEqual([...left.slice(at + headerLen + 6, at + headerLen + 8)], [0, 0]);
    });
  });
}
