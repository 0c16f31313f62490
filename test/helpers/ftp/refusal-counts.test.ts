import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RefusalCounts } from '../../../src/helpers/ftp/refusal-counts.ts';
import { FtpReason, type FtpReasonName } from '../../../src/helpers/index.ts';
import { parseIpv4, parseIpv6 } from '../../../src/wire/index.ts';

function countAt(counts: RefusalCounts, reason: FtpReasonName, address: string): void {
  const v6 = address.includes(':') ? parseIpv6(address)! : null;
  if (v6 === null) counts.count(reason, 4, parseIpv4(address)!, 0, 0, 0);
  else counts.count(reason, 6, v6[0]!, v6[1]!, v6[2]!, v6[3]!);
}

describe('counts of refusals', () => {
  test('by reason and by server, in the order of the first refusals', () => {
    const counts = new RefusalCounts();
    countAt(counts, FtpReason.Malformed, '203.0.113.9');
    countAt(counts, FtpReason.AddressMismatch, '2001:db8::5');
    countAt(counts, FtpReason.AddressMismatch, '203.0.113.9');
    countAt(counts, FtpReason.AddressMismatch, '203.0.113.9');
    assert.deepEqual(counts.byReason(), { 'address-mismatch': 3, malformed: 1 });
    assert.deepEqual(counts.byServer(), [
      { server: '203.0.113.9', reasons: { 'address-mismatch': 2, malformed: 1 } },
      { server: '2001:db8::5', reasons: { 'address-mismatch': 1 } },
    ]);
  });

  test('nothing refused is nothing shown', () => {
    const counts = new RefusalCounts();
    assert.deepEqual([counts.byReason(), counts.byServer()], [{}, []]);
  });

  test('an IPv6 address is not the IPv4 one of the same words', () => {
    const counts = new RefusalCounts();
    counts.count(FtpReason.Limit, 4, 0x0a000001, 0, 0, 0);
    counts.count(FtpReason.Limit, 6, 0x0a000001, 0, 0, 0);
    assert.deepEqual(
      counts.byServer().map(({ server }) => server),
      ['10.0.0.1', 'a00:1::'],
    );
  });

  test('every reason has a counter', () => {
    const counts = new RefusalCounts();
    for (const reason of Object.values(FtpReason)) countAt(counts, reason, '10.0.0.1');
    assert.deepEqual(Object.keys(counts.byReason()), Object.values(FtpReason));
  });

  test('1,024 servers have a line of their own, one more shares that of the others', () => {
    const counts = new RefusalCounts();
    for (let i = 0; i < 1026; i++) counts.count(FtpReason.NotAsked, 4, 0x0a000000 + i, 0, 0, 0);
    counts.count(FtpReason.NotAsked, 4, 0x0a000000 + 1023, 0, 0, 0);
    const servers = counts.byServer();
    assert.equal(servers.length, 1025);
    assert.deepEqual(servers[1023], { server: '10.0.3.255', reasons: { 'not-asked': 2 } });
    assert.deepEqual(servers[1024], { server: 'other', reasons: { 'not-asked': 2 } });
    assert.deepEqual(counts.byReason(), { 'not-asked': 1027 });
  });
});
