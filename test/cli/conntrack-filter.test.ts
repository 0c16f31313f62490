import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileFilter, parseConntrackOptions } from '../../src/cli/conntrack/index.ts';
import { Status } from '../../src/conntrack/index.ts';
import type { ConntrackDto } from '../../src/control/index.ts';
import { entry } from './conntrack-support.ts';

const matches = (line: string, dto: ConntrackDto) =>
  compileFilter(parseConntrackOptions(`-L ${line}`.trim().split(' ')).filter)(dto);

/** Options that must select an entry, and options that must not. */
function check(dto: ConntrackDto, yes: readonly string[], no: readonly string[]): void {
  for (const line of yes) assert.equal(matches(line, dto), true, `-L ${line} should show it`);
  for (const line of no) assert.equal(matches(line, dto), false, `-L ${line} should not show it`);
}

describe('which entries are meant', () => {
  test('addresses of both directions, exact and masked', () => {
    check(
      entry(),
      [
        ...['', '-s 192.168.1.10', '-d 203.0.113.21', '-r 203.0.113.21', '-q 203.0.113.1'],
        ...['-s 192.168.1.0/24', '-s 192.168.1.99/24', '-s 192.168.1.10/32', '-s 1.2.3.4/0'],
        ...['-d 203.0.113.128/25 --mask-dst 255.255.255.0', '-s 192.0.1.0 --mask-src 255.0.255.0'],
      ],
      [
        ...['-s 192.168.1.11', '-d 192.168.1.10', '-q 192.168.1.10', '-s 192.168.0.0/24'],
        ...['-s 192.168.1.11/32', '-s 192.168.1.10 -d 203.0.113.22', '-s ::/0', '-f ipv6'],
      ],
    );
  });

  test('IPv6, whatever way it is written', () => {
    const v6 = entry({
      family: 6,
      orig: { src: '2001:db8::1', dst: '2001:db8::2' },
      reply: { src: '2001:db8::2', dst: '2001:db8::1' },
    });
    check(
      v6,
      [
        '-f ipv6',
        '-s 2001:DB8:0::1',
        '-s 2001:db8::/32',
        '-s 2001:dbf::/29',
        '-d 2001:db8::0.0.0.2',
      ],
      ['-f ipv4', '-s 2001:db9::/32', '-s 2001:db8::2/127', '-s 0.0.0.0/0'],
    );
  });

  test('protocol, ports and state', () => {
    check(
      entry(),
      [
        ...['-p tcp', '-p tcp --dport 21', '-p tcp --sport 59464 --state ESTABLISHED'],
        ...['-p tcp --reply-port-src 21 --reply-port-dst 59464'],
      ],
      ['-p udp', '-p udp --dport 21', '-p tcp --dport 22', '-p tcp --state NONE', '-p 0'],
    );
  });

  test('ICMP', () => {
    const ping = entry({ proto: 1, state: '' });
    const query = { packets: 0, bytes: 0, icmpCode: 0, icmpId: 22033 };
    ping.orig = { src: '1.1.1.1', dst: '2.2.2.2', icmpType: 8, ...query };
    check(
      ping,
      ['-p icmp', '-p icmp --icmp-type 8 --icmp-code 0', '-p icmp --icmp-id 22033'],
      ['-p icmp --icmp-type 0', '-p icmp --icmp-id 1', '-p tcp --sport 0'],
    );
  });

  test('status', () => {
    const replied = entry({ status: Status.SeenReply | Status.Confirmed });
    check(
      replied,
      ['-u SEEN_REPLY', '-u SEEN_REPLY,UNREPLIED'],
      ['-u ASSURED', '-u UNREPLIED', '-u ASSURED,SEEN_REPLY', '-u EXPECTED'],
    );
    check(entry({ status: Status.Confirmed }), ['-u UNREPLIED'], ['-u SEEN_REPLY', '-u FIXED']);
    check(
      entry({ status: Status.Assured }),
      ['-u UNREPLIED', '-u !SEEN_REPLY'],
      ['-u ASSURED,SEEN_REPLY'],
    );
  });

  test('mark and zone', () => {
    check(
      entry(),
      ['-m 0', '-w 0', '-m 0/0xff', '--orig-zone 0'],
      ['-m 1', '-w 5', '--orig-zone 5'],
    );
    check(
      entry({ mark: 0x1f, zone: 5 }),
      ['-m 31', '-m 0x10/0xf0', '-w 5'],
      ['-m 0x10', '-m 0', '-w 0'],
    );
    // As conntrack(8) 1.4.7: a zone of one direction is not the connection's.
    check(
      entry({ origZone: 5 }),
      ['--orig-zone 5', '-w 0', '--reply-zone 0'],
      ['-w 5', '--orig-zone 0', '--orig-zone 6', '--reply-zone 5'],
    );
    check(entry({ replyZone: 5 }), ['--reply-zone 5', '--orig-zone 0'], ['--orig-zone 5', '-w 5']);
    check(entry({ mark: -1 }), ['-m 0xffffffff', '-m 0x80000000/0x80000000'], ['-m 0']);
  });

  test('translated sources and destinations', () => {
    check(
      entry(),
      ['-n', '-j', '-n 203.0.113.1', '-j 203.0.113.1'],
      ['-g', '-n 203.0.113.2', '-g 203.0.113.1', '-n 203.0.113.1:59464', '-n -g'],
    );
    const forwarded = entry({
      status: Status.DstNat | Status.DstNatDone | Status.SrcNatDone,
      orig: { src: '1.1.1.3', dst: '2.2.2.2', sport: 10, dport: 20 },
      reply: { src: '3.3.3.3', dst: '1.1.1.3', sport: 80, dport: 10 },
    });
    check(
      forwarded,
      ['-g', '-j', '-g 3.3.3.3', '-g 3.3.3.3:80', '-j 3.3.3.3:80'],
      ['-n', '-g 3.3.3.3:81', '-g 2.2.2.2', '-n 3.3.3.3'],
    );
    const portOnly = entry({
      orig: { src: '1.1.1.3', sport: 10 },
      reply: { dst: '1.1.1.3', dport: 99 },
    });
    check(portOnly, ['-n', '-j'], ['-n 1.1.1.3', '-n 1.1.1.3:99', '-g']);
    check(entry({ status: Status.SeenReply }), [], ['-n', '-g', '-j', '-n 203.0.113.1']);
  });

  test('identifier and timeout, for -D', () => {
    const filter = (line: string) => compileFilter(parseConntrackOptions(line.split(' ')).filter);
    assert.equal(filter('-D -i 293963086')(entry()), true);
    assert.equal(filter('-D -i 1')(entry()), false);
    assert.equal(filter('-D -t 299')(entry()), true);
    assert.equal(filter('-D -t 300')(entry()), false);
  });
});
