import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayLog } from '../../src/cli/run/log.ts';

function makeLog(format: 'text' | 'json') {
  const lines: string[] = [];
  const clock = { ms: Date.UTC(2026, 10, 21, 8, 0, 0) };
  const log = new GatewayLog(
    format,
    (line) => lines.push(line),
    () => clock.ms,
  );
  return { log, lines, clock };
}

const refusal = {
  event: 'REFUSED' as const,
  time: 0,
  helper: 'ftp',
  kind: 'PORT',
  reason: 'address-mismatch',
  line: 'PORT 1,2,3,4,5,6',
  master: { src: '10.0.0.1', dst: '192.0.2.1', sport: 4000, dport: 21 },
};

const encrypted = {
  event: 'ENCRYPTED' as const,
  time: 0,
  helper: 'ftp',
  master: { src: '10.0.1.2', dst: '192.0.2.2', sport: 50_940, dport: 21 },
  server: '192.0.2.2',
  passiveRange: { first: 50_000, last: 50_100 },
};

describe('the log of the gateway', () => {
  test('text: time, then what happened, the line quoted', () => {
    const { log, lines } = makeLog('text');
    log.refused(refusal);
    assert.deepEqual(lines, [
      '2026-11-21T08:00:00.000Z ftp: refused PORT (address-mismatch) on ' +
        '10.0.0.1:4000 > 192.0.2.1:21: "PORT 1,2,3,4,5,6"\n',
    ]);
  });

  test('json: one object a line', () => {
    const { log, lines } = makeLog('json');
    log.refused(refusal);
    log.ruleLog('DROP IN=eth0 OUT= ', 4);
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(first?.event, 'refused');
    assert.equal(first?.reason, 'address-mismatch');
    assert.deepEqual(first?.master, refusal.master);
    assert.equal(second?.event, 'log');
    assert.equal(second?.level, 'warning');
    assert.equal(second?.line, 'DROP IN=eth0 OUT= ');
  });

  test('an IPv6 refusal: ports are told from addresses', () => {
    const { log, lines } = makeLog('text');
    const master = { src: '2001:db8::2', dst: '2001:db8::1', sport: 4000, dport: 21 };
    log.refused({ ...refusal, kind: '-', reason: 'line-too-long', master });
    assert.match(lines[0] ?? '', /refused - \(line-too-long\) on \[2001:db8::2\]:4000 > /);
  });

  test('encryption: what it means, and which ports must be opened', () => {
    const { log, lines } = makeLog('text');
    log.encrypted(encrypted);
    log.encrypted({ ...encrypted, passiveRange: null });
    const head =
      '2026-11-21T08:00:00.000Z ftp: 10.0.1.2:50940 -> 192.0.2.2:21 is encrypted (AUTH TLS): ' +
      'its data connections cannot be read; ';
    assert.deepEqual(lines, [
      `${head}TCP ports 50000:50100 of 192.0.2.2 (passive range) are open to 10.0.1.2 ` +
        'as RELATED until it closes\n',
      `${head}let 10.0.1.2 connect to the passive ports of 192.0.2.2 by a rule, ` +
        'or say which they are: # pinhole: ftp server=192.0.2.2 passive-range=FIRST:LAST\n',
    ]);
  });

  test('encryption as json', () => {
    const { log, lines } = makeLog('json');
    log.encrypted(encrypted);
    const { advice, ...object } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.deepEqual(object, {
      ...{ time: '2026-11-21T08:00:00.000Z', level: 'warning', event: 'encrypted', helper: 'ftp' },
      ...{ master: encrypted.master, server: '192.0.2.2' },
      passiveRange: { first: 50_000, last: 50_100 },
    });
    assert.match(String(advice), /^TCP ports 50000:50100 of 192\.0\.2\.2 /);
  });

  test('what strangers cause is rationed, and the rest counted', () => {
    const { log, lines, clock } = makeLog('text');
    for (let i = 0; i < 50; i++) log.refused(refusal);
    assert.equal(lines.length, 20);
    clock.ms += 1000;
    log.refused(refusal);
    assert.match(lines[20] ?? '', /warning: 30 lines of kind refused were not logged/);
    assert.match(lines[21] ?? '', /refused PORT/);
  });

  test('one kind does not use up the ration of another, nor of the gateway itself', () => {
    const { log, lines } = makeLog('text');
    for (let i = 0; i < 50; i++) log.refused(refusal);
    log.ruleLog('DROP', 4);
    for (let i = 0; i < 30; i++) log.info('x');
    assert.equal(lines.length, 20 + 1 + 30);
  });
});
