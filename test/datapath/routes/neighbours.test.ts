import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable } from '../../../src/base/index.ts';
import { macWords, NeighbourTable } from '../../../src/datapath/routes/index.ts';
import { parseIpv4, parseIpv6 } from '../../../src/wire/index.ts';

const interfaces = new InterfaceTable();
const eth0 = interfaces.id('eth0');
const eth1 = interfaces.id('eth1');

function find(table: NeighbourTable, ifId: number, text: string, nowSec: number): boolean {
  const words = text.includes(':') ? parseIpv6(text)! : [parseIpv4(text)!, 0, 0, 0];
  return table.find(ifId, words[0]!, words[1]!, words[2]!, words[3]!, nowSec);
}

function known(table: NeighbourTable, ifId: number, text: string): string | null {
  // The first question after learning is answered no, so that the kernel sees the neighbour used.
  find(table, ifId, text, 100);
  if (!find(table, ifId, text, 100)) return null;
  return `${table.macHigh.toString(16)}/${(table.macLow >>> 0).toString(16)}`;
}

describe('NeighbourTable', () => {
  test('takes a dump of both families, and only neighbours that answer', () => {
    const table = new NeighbourTable();
    table.fill(interfaces, [
      { dst: '10.0.0.2', dev: 'eth0', lladdr: '02:01:80:00:00:05', state: ['REACHABLE'] },
      { dst: 'fe80::2', dev: 'eth0', lladdr: '02:00:00:00:00:06', state: ['STALE'] },
      { dst: 'fe80::2', dev: 'eth1', lladdr: '02:00:00:00:00:07', state: ['PERMANENT'] },
      { dst: '10.0.0.3', dev: 'eth0', state: ['FAILED'] },
      { dst: '10.0.0.4', dev: 'eth0', lladdr: '02:00:00:00:00:08', state: ['FAILED'] },
      { dst: '10.0.0.5', dev: 'eth0', lladdr: '10.9.9.9', state: ['REACHABLE'] },
    ]);
    assert.equal(known(table, eth0, '10.0.0.2'), '201/80000005');
    assert.equal(known(table, eth0, 'fe80::2'), '200/6');
    assert.equal(known(table, eth1, 'fe80::2'), '200/7');
    assert.equal(known(table, eth1, '10.0.0.2'), null);
    for (const dead of ['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']) {
      assert.equal(known(table, eth0, dead), null, dead);
    }
  });

  test('a change of MAC, a failure and a return are taken at once', () => {
    const table = new NeighbourTable();
    const neighbour = { dst: '10.0.0.2', dev: 'eth0', lladdr: '02:00:00:00:00:05' };
    table.update(interfaces, { ...neighbour, state: ['REACHABLE'] });
    assert.equal(known(table, eth0, '10.0.0.2'), '200/5');
    table.update(interfaces, { ...neighbour, lladdr: '02:00:00:00:00:09', state: ['STALE'] });
    assert.equal(known(table, eth0, '10.0.0.2'), '200/9');
    table.update(interfaces, { dst: '10.0.0.2', dev: 'eth0', state: ['FAILED'] });
    assert.equal(known(table, eth0, '10.0.0.2'), null);
    table.update(interfaces, { ...neighbour, state: ['REACHABLE'] });
    assert.equal(known(table, eth0, '10.0.0.2'), '200/5');
    assert.equal(table.size, 1);
  });

  test('a neighbour in use is shown to the kernel every 15 seconds, once', () => {
    const table = new NeighbourTable();
    const dump = [
      { dst: '10.0.0.2', dev: 'eth0', lladdr: '02:00:00:00:00:05', state: ['REACHABLE'] },
    ];
    table.fill(interfaces, dump);
    const answers = [0, 0, 14, 15, 15, 29, 30].map((sec) => find(table, eth0, '10.0.0.2', sec));
    assert.deepEqual(answers, [false, true, true, false, true, true, false]);
    table.fill(interfaces, dump);
    assert.equal(find(table, eth0, '10.0.0.2', 31), true, 'a new dump does not begin anew');
  });

  test('full at 4096, one more is left out and counted', () => {
    const table = new NeighbourTable();
    const dump = Array.from({ length: 4097 }, (_, i) => ({
      dst: `10.0.${i >> 8}.${i & 255}`,
      dev: 'eth0',
      lladdr: '02:00:00:00:00:05',
      state: ['REACHABLE'],
    }));
    table.fill(interfaces, dump);
    assert.deepEqual([table.size, table.left], [4096, 1]);
    assert.equal(known(table, eth0, '10.0.15.255'), '200/5');
    assert.equal(known(table, eth0, '10.0.16.0'), null);
  });

  test('MAC addresses that are none', () => {
    assert.deepEqual(macWords('02:00:00:00:00:01'), { high: 0x200, low: 1 });
    assert.deepEqual(macWords('ff:ff:ff:ff:ff:ff'), { high: 0xffff, low: -1 });
    for (const text of ['', '02:00:00:00:00', '02:00:00:00:00:01:02', '0g:00:00:00:00:01']) {
      assert.equal(macWords(text), null, text);
    }
  });
});
