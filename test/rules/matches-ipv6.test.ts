import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addressBytes, join } from '../support/bytes.ts';
import {
  authentication,
  buildIp,
  buildUdp,
  destinationOptions,
  fragmentHeader,
  hopByHop,
  type Ipv6Extension,
  loadPacket,
  routing,
} from '../support/packets.ts';
import { dropsAtOnce, expectMatches } from './match-packets.ts';

const ends = { src: '2001:db8::1', dst: '2001:db8::2' };
const withHeaders = (...extensions: Ipv6Extension[]) =>
  loadPacket(buildUdp({ ...ends, sport: 1, dport: 2, extensions }));
const plain = withHeaders();

describe('frag', () => {
  const fragment = (offsetBytes: number, more: boolean) =>
    withHeaders(fragmentHeader({ offsetBytes, more, id: 0xf0000001 | 0 }));

  test('first, middle and last fragments', () => {
    expectMatches(
      fragment(0, true),
      ['-m frag', '-m frag --fragfirst', '-m frag --fragmore', '-m frag --fragres'],
      ['-m frag --fraglast'],
    );
    expectMatches(
      fragment(800, true),
      ['-m frag --fragmore', '-m frag --fraglen 8', '-m frag --fraglen 9'],
      ['-m frag --fragfirst', '-m frag --fraglast'],
    );
    expectMatches(
      fragment(800, false),
      ['-m frag --fraglast'],
      ['-m frag --fragfirst', '-m frag --fragmore'],
    );
    expectMatches(plain, [], ['-m frag', '-m frag ! --fragid 1', '-m frag --fraglast']);
  });

  test('identification, unsigned', () => {
    expectMatches(
      fragment(0, true),
      ['-m frag --fragid 0xf0000001', '-m frag --fragid 5:', '-m frag ! --fragid 1:2'],
      ['-m frag --fragid 1', '-m frag ! --fragid 0xf0000000:'],
    );
  });

  test('reserved bits', () => {
    const dirty = fragmentHeader({ offsetBytes: 0, more: true, id: 1 });
    dirty.bytes[3] = dirty.bytes[3]! | 0x02;
    expectMatches(withHeaders(dirty), ['-m frag'], ['-m frag --fragres']);
  });
});

describe('rt', () => {
  const hops = ['2001:db8:1::1', '2001:db8:2::2', '2001:db8:3::3'];
  const typeZero: Ipv6Extension = {
    protocol: 43,
    bytes: join(Uint8Array.of(0, 6, 0, 2, 0, 0, 0, 0), ...hops.map((hop) => addressBytes(hop))),
  };
  const packet = withHeaders(typeZero);

  test('type, segments left and length', () => {
    expectMatches(
      withHeaders(hopByHop(), routing(3)),
      [
        '-m rt',
        '-m rt --rt-type 2',
        '-m rt ! --rt-type 0',
        '-m rt --rt-segsleft 1:3',
        '-m rt ! --rt-segsleft 4:',
        '-m rt --rt-len 24',
        '-m rt ! --rt-len 8',
      ],
      [
        '-m rt --rt-type 0',
        '-m rt --rt-segsleft 4',
        '-m rt ! --rt-segsleft 3',
        '-m rt --rt-len 16',
        '-m rt --rt-type 258',
      ],
    );
    expectMatches(plain, [], ['-m rt', '-m rt ! --rt-type 0']);
  });

  test('addresses of type 0, strictly and not', () => {
    const rule = (list: readonly string[], rest = '') =>
      `-m rt --rt-type 0 --rt-0-addrs ${list.join(',')}${rest}`;
    const loose = ' --rt-0-not-strict';
    expectMatches(
      packet,
      [
        rule(hops),
        rule([hops[0]!, hops[2]!], loose),
        rule([hops[2]!], loose),
        '-m rt --rt-type 0 --rt-0-res',
      ],
      [
        rule(hops.slice(0, 2)),
        rule(hops.toReversed()),
        rule([hops[2]!, hops[0]!], loose),
        rule([...hops, hops[0]!], loose),
        rule(['2001:db8:1::2'], loose),
      ],
    );
  });
});

describe('hbh and dst', () => {
  // RFC 2711 router alert: type 5, two bytes; then two bytes of padding.
  const alert = hopByHop(Uint8Array.of(5, 2, 0, 0));

  test('length and the options a header begins with', () => {
    expectMatches(
      withHeaders(alert),
      [
        '-m hbh',
        '-m hbh --hbh-len 8',
        '-m hbh ! --hbh-len 16',
        '-m hbh --hbh-opts 5',
        '-m hbh --hbh-opts 5:2',
        '-m hbh --hbh-opts 5:2,1:0',
      ],
      [
        '-m hbh --hbh-len 16',
        '-m hbh --hbh-opts 1',
        '-m hbh --hbh-opts 5:3',
        '-m hbh --hbh-opts 1:0,5:2',
        '-m hbh --hbh-opts 5:2,1:0,1:0',
        '-m dst',
      ],
    );
    const padded = destinationOptions(Uint8Array.of(0, 0, 194, 2, 0, 0));
    expectMatches(
      withHeaders(alert, padded),
      ['-m dst --dst-opts 0,0,194:2', '-m dst --dst-len 8'],
      ['-m dst --dst-opts 194:2', '-m dst ! --dst-len 8'],
    );
    expectMatches(plain, [], ['-m hbh', '-m dst', '-m hbh ! --hbh-len 8']);
  });

  test('an option that claims more than the header ends the comparison', () => {
    const greedy = hopByHop(Uint8Array.of(5, 200, 0, 0, 0, 0));
    expectMatches(withHeaders(greedy), ['-m hbh --hbh-opts 5:200'], ['-m hbh --hbh-opts 5,1']);
  });
});

describe('ah', () => {
  const header = authentication();
  header.bytes.set([0, 0, 0x80, 0, 0, 1], 2);

  test('the authentication header among others', () => {
    expectMatches(
      withHeaders(hopByHop(), header),
      [
        '-m ah',
        '-m ah --ahspi 0x80000001',
        '-m ah ! --ahspi 1:5',
        '-m ah --ahlen 24',
        '-m ah ! --ahlen 16',
        '-m ah --ahres',
        '-m ah --ahlen 0',
      ],
      ['-m ah --ahspi 1', '-m ah --ahlen 16', '-m ah ! --ahlen 24', '-m ah ! --ahspi :'],
    );
    expectMatches(plain, [], ['-m ah', '-m ah ! --ahspi 1']);
    const dirty = authentication();
    dirty.bytes[3] = 1;
    expectMatches(withHeaders(dirty), ['-m ah'], ['-m ah --ahres']);
  });
});

describe('ipv6header', () => {
  test('exactly these, softly these, and none of these', () => {
    expectMatches(
      withHeaders(hopByHop(), routing()),
      [
        '-m ipv6header --header hop,route,prot',
        '-m ipv6header ! --header hop,prot',
        '-m ipv6header --header hop --soft',
        '-m ipv6header --header prot,route --soft',
        '-m ipv6header ! --header esp,frag --soft',
      ],
      [
        '-m ipv6header --header hop,route',
        '-m ipv6header ! --header hop,route,prot',
        '-m ipv6header --header hop,frag --soft',
        '-m ipv6header ! --header hop,frag --soft',
      ],
    );
    const bare = (protocol: number) => loadPacket(buildIp(ends, protocol, new Uint8Array(16)));
    expectMatches(plain, ['-m ipv6header --header prot'], ['-m ipv6header --header none']);
    expectMatches(bare(59), ['-m ipv6header --header none'], ['-m ipv6header --header prot']);
    expectMatches(bare(50), ['-m ipv6header --header esp'], ['-m ipv6header --header prot']);
  });
});

describe('mh', () => {
  const mobility = (next: number, type: number, length = 8) =>
    loadPacket(buildIp(ends, 135, Uint8Array.of(next, 0, type, 0, 0, 0, 0, 0).subarray(0, length)));
  const rule = '-p mobility-header -m mh --mh-type';

  test('types, by number and name', () => {
    expectMatches(
      mobility(59, 5),
      [`${rule} 5`, `${rule} bu`, `${rule} hot:ba`, '-p mh -m mh ! --mh-type 6:'],
      [`${rule} 4`, '-p mh -m mh ! --mh-type bu', '-p mh -m mh ! --mh-type :'],
    );
  });

  test('what is cut off, or is followed by something, is dropped', () => {
    assert.equal(dropsAtOnce(`${rule} 1`, mobility(59, 5)), false);
    assert.equal(dropsAtOnce(`${rule} 5`, mobility(17, 5)), true);
    assert.equal(dropsAtOnce(`${rule} 5`, mobility(59, 5, 5)), true);
  });
});

test('eui64: the address is made of the MAC address', () => {
  const from = (src: string, more = {}) =>
    loadPacket(
      buildUdp({ src, dst: ends.dst, sport: 1, dport: 2, srcMac: '00:11:22:33:44:55', ...more }),
    );
  expectMatches(from('fe80::211:22ff:fe33:4455'), ['-m eui64'], []);
  expectMatches(from('2001:db8::211:22ff:fe33:4455', { vlan: 5 }), ['-m eui64'], []);
  for (const src of [
    'fe80::11:22ff:fe33:4455',
    'fe80::211:22ff:fe33:4456',
    'fe80::211:22fe:fe33:4455',
  ]) {
    expectMatches(from(src), [], ['-m eui64']);
  }
  const raw = buildUdp({
    src: 'fe80::211:22ff:fe33:4455',
    dst: ends.dst,
    sport: 1,
    dport: 2,
    link: 'raw',
  });
  expectMatches(loadPacket(raw, 'raw'), [], ['-m eui64']);
});
