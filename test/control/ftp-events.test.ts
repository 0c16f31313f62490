import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { EncryptedEventDto, ExpectEventDto, HelperEventDto } from '../../src/control/index.ts';
import { START_SEC } from '../support/gateway.ts';
import { EntryGateway, ftpEntry } from './entry-gateway.ts';

type Told = ExpectEventDto | HelperEventDto | EncryptedEventDto;

const master = { src: '10.0.0.1', dst: '10.0.0.2', sport: 5000, dport: 21 };

describe('what the FTP helper tells', () => {
  let entries: EntryGateway;
  let told: Told[];
  let row: number;

  beforeEach(async () => {
    entries = new EntryGateway();
    told = [];
    entries.events.watchExpectations((event) => told.push(event));
    const dnat = { src: '192.168.7.7', dst: '10.0.0.1', sport: 21, dport: 5000 };
    const made = await entries.create(
      ftpEntry(5000, {
        helper: 'ftp',
        reply: dnat,
        dstNat: { minAddress: dnat.src, maxAddress: dnat.src },
      }),
    );
    assert.ok(made);
    row = 0;
    entries.gateway.now(5);
  });

  test('encryption reaches the log and the followers, with the real server', () => {
    const passiveRange = { first: 50_000, last: 50_100 };
    entries.events.controlEncrypted({ row, passiveRange });
    const event = {
      event: 'ENCRYPTED' as const,
      time: START_SEC + 5,
      helper: 'ftp',
      master,
      server: '192.168.7.7',
      passiveRange,
    };
    assert.deepEqual(told, [event]);
    assert.deepEqual(entries.logged, [event]);
  });

  test('an unknown passive range is null, over the socket too', async () => {
    const following = entries.client.request('expect.events', {})[Symbol.asyncIterator]();
    const first = following.next();
    // The request is served before this one is.
    await entries.ask('expect.count', {});
    entries.events.controlEncrypted({ row, passiveRange: null });
    const { value } = await first;
    assert.ok(value !== undefined && value.event === 'ENCRYPTED');
    assert.equal(value.passiveRange, null);
    await following.return?.();
  });

  test('a refusal of any verb, or of none', () => {
    for (const [kind, line] of [
      ['DELE', 'DELE x'],
      ['-', '...'],
    ] as const) {
      entries.events.announcementRefused({
        ...{ row, kind, reason: 'denied-command', line, action: 'reject' },
      });
    }
    const common = { event: 'REFUSED', time: START_SEC + 5, helper: 'ftp', master };
    assert.deepEqual(told, [
      { ...common, kind: 'DELE', reason: 'denied-command', line: 'DELE x' },
      { ...common, kind: '-', reason: 'denied-command', line: '...' },
    ]);
    assert.deepEqual(entries.logged, told);
  });
});
