import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit, Direction, Status, Tuple } from '../../src/conntrack/index.ts';
import { parseIpv6 } from '../../src/wire/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { type Asked, expectMatches, verdictOf } from './match-packets.ts';
import type { TestContext } from './support.ts';

const packet = loadPacket(
  buildTcp({ src: '10.1.2.3', dst: '192.168.1.1', sport: 40000, dport: 21, flags: 'A' }),
);
const packet6 = loadPacket(
  buildTcp({ src: '2001:db8::5', dst: '2001:db8::1', sport: 1, dport: 2 }),
);

/** 10.1.2.3:40000 to 198.51.100.1:2121, which DNAT turned to 192.168.1.1:21. */
function connect(changes: (ctx: TestContext) => void = () => {}): Asked {
  return {
    prepare: (ctx) => {
      const { connection } = ctx;
      connection.exists = true;
      connection.status = Status.Confirmed | Status.SeenReply | Status.DstNat;
      connection.expiresIn = 300;
      const [original, reply] = connection.tuples;
      original.meta = (4 << 8) | 6;
      original.s0 = 0x0a010203;
      original.d0 = 0xc6336401 | 0;
      original.setPorts(40000, 2121);
      reply.meta = original.meta;
      reply.s0 = 0xc0a80101 | 0;
      reply.d0 = 0x0a010203;
      reply.setPorts(21, 40000);
      ctx.ctState = CtStateBit.Established | CtStateBit.Dnat;
      changes(ctx);
    },
  };
}

const ct = (options: string) => `-m conntrack ${options}`;

describe('conntrack', () => {
  test('tuples: addresses, ports and protocol', () => {
    expectMatches(
      packet,
      [
        '--ctorigsrc 10.1.2.3',
        '--ctorigsrc 10.9.9.9/8',
        '--ctorigdst 198.51.100.0/24',
        '--ctreplsrc 192.168.1.1',
        '--ctrepldst 10.1.2.3',
        '! --ctorigdst 192.168.1.1',
        '--ctorigsrc 10.0.2.0/255.0.255.0',
        '--ctorigsrcport 40000',
        '--ctorigdstport 2121',
        '--ctreplsrcport 21',
        '--ctrepldstport 30000:50000',
        '! --ctorigdstport 21',
        '--ctproto tcp',
        '! --ctproto udp',
        '--ctproto 6 --ctorigsrc 10.1.2.3 --ctorigdstport 2121 --ctreplsrcport ftp',
      ].map(ct),
      [
        '--ctorigsrc 10.1.2.4',
        '! --ctorigsrc 10.0.0.0/8',
        '--ctorigdst 192.168.1.1',
        '--ctreplsrc 198.51.100.1',
        '--ctorigdstport 21',
        '! --ctreplsrcport 20:21',
        '--ctproto 17',
        '! --ctproto tcp',
        '--ctorigsrc 10.1.2.3 --ctorigdstport 21',
      ].map(ct),
      connect(),
    );
  });

  test('all words of an IPv6 address', () => {
    const six = connect(({ connection }) => {
      const [w0, w1, w2, w3] = parseIpv6('2001:db8::5')! as [number, number, number, number];
      Object.assign(connection.tuples[0], { s0: w0, s1: w1, s2: w2, s3: w3 });
    });
    expectMatches(
      packet6,
      ['--ctorigsrc 2001:db8::5', '--ctorigsrc 2001:db8::/64', '! --ctorigsrc 2001:db8::6'].map(ct),
      ['--ctorigsrc 2001:db8::6', '--ctorigsrc 2001:db8:0:1::/64'].map(ct),
      six,
    );
  });

  test('status, lifetime and direction', () => {
    expectMatches(
      packet,
      [
        '--ctstatus SEEN_REPLY',
        '--ctstatus ASSURED,CONFIRMED',
        '! --ctstatus ASSURED',
        '! --ctstatus NONE',
        '--ctexpire 300',
        '--ctexpire 200:300',
        '! --ctexpire 301:',
        '--ctdir ORIGINAL',
      ].map(ct),
      [
        '--ctstatus ASSURED',
        '! --ctstatus CONFIRMED',
        // No bit is asked for, and none is found: NONE never holds, as in the kernel.
        '--ctstatus NONE',
        '--ctexpire :299',
        '! --ctexpire 300',
        '--ctdir REPLY',
      ].map(ct),
      connect(),
    );
    const answer = connect(({ connection }) => {
      connection.direction = Direction.Reply;
    });
    expectMatches(packet, [ct('--ctdir REPLY')], [ct('--ctdir ORIGINAL')], answer);
  });

  test('states together with the rest', () => {
    expectMatches(
      packet,
      [
        '--ctstate ESTABLISHED',
        '--ctstate DNAT',
        '--ctstate ESTABLISHED --ctdir ORIGINAL',
        '! --ctstate NEW --ctproto tcp',
      ].map(ct),
      ['--ctstate NEW --ctdir ORIGINAL', '--ctstate ESTABLISHED --ctdir REPLY'].map(ct),
      connect(),
    );
  });

  test('without a connection only the state is asked', () => {
    const invalid: Asked = {
      prepare: (ctx) => {
        ctx.ctState = CtStateBit.Invalid;
      },
    };
    expectMatches(
      packet,
      ['--ctstate INVALID', '--ctstate INVALID --ctproto udp', '! --ctstate NEW --ctdir REPLY'].map(
        ct,
      ),
      ['--ctproto tcp', '! --ctproto udp', '--ctdir ORIGINAL', '! --ctstatus ASSURED'].map(ct),
      invalid,
    );
  });

  test('a view that reuses its tuple is not asked for both at once', () => {
    const shared = connect(({ connection }) => {
      const [original, reply] = connection.tuples;
      const one = new Tuple();
      connection.tuple = (direction) => {
        one.copyFrom(direction === Direction.Original ? original : reply);
        return one;
      };
    });
    const rule = ct(
      '--ctorigdstport 2121 --ctproto tcp --ctreplsrcport 21 --ctreplsrc 192.168.1.1',
    );
    assert.equal(verdictOf(rule, packet, shared), verdictOf(rule, packet, connect()));
    expectMatches(packet, [rule], [], shared);
  });
});
