import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sysctlNames } from '../../src/conntrack/index.ts';
import { EntryGateway } from './entry-gateway.ts';

function setting(name: string, value: string) {
  return { name: `nf_conntrack_${name}`, value };
}

describe('sysctl.get', () => {
  test('all of them, in their order', async () => {
    const gateway = new EntryGateway();
    const items = await gateway.ask('sysctl.get', {});
    assert.deepEqual(
      items.map(({ name }) => name),
      sysctlNames,
    );
    assert.deepEqual(
      items.find(({ name }) => name === 'nf_conntrack_max'),
      setting('max', '4096'),
    );
  });

  test('those named, as they are now', async () => {
    const gateway = new EntryGateway();
    const names = ['nf_conntrack_udp_timeout', 'nf_conntrack_acct'];
    gateway.conntrack.settings.timeouts.udp = 7;
    assert.deepEqual(await gateway.ask('sysctl.get', { names }), [
      ...[setting('udp_timeout', '7'), setting('acct', '1')],
    ]);
    assert.equal(await gateway.refusal('sysctl.get', { names: ['max'] }), 'UNKNOWN_SYSCTL');
    assert.equal(await gateway.refusal('sysctl.get', { names: [1] as never }), 'BAD_REQUEST');
  });

  test('how many connections there are', async () => {
    const gateway = new EntryGateway();
    await gateway.create({
      ...{ family: 4, proto: 17, timeout: 60 },
      orig: { src: '10.0.0.1', dst: '10.0.0.2', sport: 5, dport: 53 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: 5 },
    });
    const names = ['nf_conntrack_count'];
    assert.deepEqual(await gateway.ask('sysctl.get', { names }), [setting('count', '1')]);
  });
});

describe('sysctl.set', () => {
  test('what was asked for holds, is answered as it is now, and logged once', async () => {
    const gateway = new EntryGateway();
    const settings = [setting('max', '9000'), setting('buckets', '513'), setting('acct', '1')];
    assert.deepEqual(await gateway.ask('sysctl.set', { settings }), [
      ...[setting('max', '9000'), setting('buckets', '1024'), setting('acct', '1')],
    ]);
    assert.equal(gateway.conntrack.settings.maximum, 9000);
    assert.deepEqual(gateway.notes, [
      'sysctl: nf_conntrack_max 4096 -> 9000, nf_conntrack_buckets 4096 -> 1024',
    ]);
  });

  test('where nothing changes, nothing is logged', async () => {
    const gateway = new EntryGateway();
    await gateway.ask('sysctl.set', { settings: [setting('acct', '1')] });
    assert.deepEqual(gateway.notes, []);
  });

  test('all or nothing, with the kind of error', async () => {
    const gateway = new EntryGateway();
    const first = setting('max', '9000');
    for (const [last, code] of [
      [setting('nope', '1'), 'UNKNOWN_SYSCTL'],
      [setting('count', '1'), 'READ_ONLY'],
      [setting('frag6_high_thresh', '5000000'), 'READ_ONLY'],
      [setting('acct', '2'), 'INVALID'],
    ] as const) {
      assert.equal(await gateway.refusal('sysctl.set', { settings: [first, last] }), code);
    }
    assert.equal(gateway.conntrack.settings.maximum, 4096);
    assert.deepEqual(gateway.notes, []);
    const bad = [{ name: 'nf_conntrack_max', value: 5 }];
    assert.equal(await gateway.refusal('sysctl.set', { settings: bad as never }), 'BAD_REQUEST');
    assert.equal(await gateway.refusal('sysctl.set', {} as never), 'BAD_REQUEST');
  });

  test('events: new connections only, and what they expect', async () => {
    const gateway = new EntryGateway();
    const udp = (sport: number) => ({
      ...{ family: 4 as const, proto: 17, timeout: 60 },
      orig: { src: '10.0.0.1', dst: '10.0.0.2', sport, dport: 53 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: sport },
    });
    const set = (value: string) =>
      gateway.ask('sysctl.set', { settings: [setting('events', value)] });
    const loud = await gateway.create(udp(1));
    await set('0');
    const silent = await gateway.create(udp(2));
    await set('1');
    await gateway.ask('conntrack.delete', { ids: [loud.id, silent.id] });
    assert.deepEqual(gateway.takeEvents(), ['NEW 1', 'DESTROY 1']);
  });

  test('acct and timestamp: new connections only', async () => {
    const gateway = new EntryGateway();
    const udp = (sport: number) => ({
      ...{ family: 4 as const, proto: 17, timeout: 60 },
      orig: { src: '10.0.0.1', dst: '10.0.0.2', sport, dport: 53 },
      reply: { src: '10.0.0.2', dst: '10.0.0.1', sport: 53, dport: sport },
    });
    await gateway.create(udp(1));
    const other = [setting('acct', '0'), setting('timestamp', '1')];
    await gateway.ask('sysctl.set', { settings: other });
    await gateway.create(udp(2));
    const shown = (await gateway.list()).map((entry) => [
      ...[entry.orig.sport, entry.accounting, entry.timestamped],
    ]);
    assert.deepEqual(shown, [
      [1, true, false],
      [2, false, true],
    ]);
  });
});
