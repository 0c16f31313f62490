import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLOW_WORDS } from '../../../../src/datapath/gate/layout.ts';
import {
  attachProgram,
  foreignFilters,
  puntPair,
  puntPairSettings,
  SysError,
} from '../../../../src/datapath/gate/sys/index.ts';
import { countProcessors, mapShapes } from '../../../../src/datapath/gate/sys/maps.ts';

describe('links', () => {
  test('the way back takes away exactly our filter', () => {
    const { run, again, undo } = attachProgram('eth0', 'egress', '/run/x/entry');
    const where = 'dev eth0 egress pref 3 handle 1 protocol all bpf';
    const program = 'direct-action object-pinned /run/x/entry';
    assert.equal(run.join(' '), `tc filter add ${where} ${program}`);
    assert.equal(again?.join(' '), `tc filter replace ${where} ${program}`);
    assert.equal(undo.join(' '), `tc filter del ${where}`);
  });

  test('the pair knows no address mode where the kernel has no IPv6', () => {
    assert.deepEqual(puntPair().undo, ['ip', 'link', 'del', 'dev', 'punt0']);
    assert.ok(puntPairSettings(true).flat().includes('addrgenmode'));
    assert.ok(!puntPairSettings(false).flat().includes('addrgenmode'));
  });

  test('filters of others are named, ours are not', () => {
    const head = { protocol: 'all', pref: 1, kind: 'bpf', chain: 0 };
    const ours = {
      ...head,
      options: { bpf_name: 'x:[*fsobj]', prog: { name: 'ph_entry_ingres' } },
    };
    const theirs = { ...head, pref: 2, options: { prog: { name: 'cil_from_netdev' } } };
    const classic = { ...head, pref: 3, options: { bytecode: '1,6 0 0 2' } };
    const flower = { pref: 49152, kind: 'flower', options: {} };
    assert.deepEqual(foreignFilters(JSON.stringify([head, ours])), []);
    assert.deepEqual(foreignFilters(JSON.stringify([ours, theirs, classic, flower])), [
      'bpf filter cil_from_netdev at pref 2',
      'bpf filter at pref 3',
      'flower filter at pref 49152',
    ]);
    assert.deepEqual(foreignFilters(''), []);
  });
});

describe('small things', () => {
  test('processors are counted from the kernel list', () => {
    assert.equal(countProcessors('0\n'), 1);
    assert.equal(countProcessors('0-1\n'), 2);
    assert.equal(countProcessors('0,2-127'), 128);
    assert.throws(() => countProcessors('all'), RangeError);
  });

  test('every map has the size that the layout says', () => {
    const shapes = mapShapes({ units: 10, buckets: 8, ringBytes: 8192, knownRingBytes: 4096 });
    assert.equal(shapes.flows.valueSize, 4 * FLOW_WORDS);
    assert.equal(shapes.buckets.valueSize, 64);
    assert.equal(shapes.config.valueSize, 128);
    assert.equal(shapes.hops.valueSize, 32);
    assert.equal(shapes.known_ring.entries, 4096);
    assert.equal(shapes.other_ring.entries, 8192);
  });

  test('an error names the call, the number and the mend', () => {
    const error = new SysError('bpf(MAP_CREATE flows)', 1, 'EPERM');
    assert.match(error.message, /^bpf\(MAP_CREATE flows\): EPERM \(1\); run as root/);
    assert.equal(new SysError('x', 95, 'EOPNOTSUPP', 'why').message, 'x: EOPNOTSUPP (95); why');
  });
});
