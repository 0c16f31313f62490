import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable } from '../../src/base/index.ts';

describe('InterfaceTable', () => {
  test('gives ids in the order of first use and keeps them', () => {
    const table = new InterfaceTable();
    assert.deepEqual(
      ['eth0', 'eth1', 'eth0', 'lo', 'eth1'].map((name) => table.id(name)),
      [0, 1, 0, 2, 1],
    );
    assert.equal(table.size, 3);
  });

  test('knows names by id; no interface and unknown ids have none', () => {
    const table = new InterfaceTable();
    table.id('wan0');
    assert.equal(table.name(0), 'wan0');
    assert.equal(table.name(-1), '');
    assert.equal(table.name(1), '');
  });

  test('asking for a name gives no id away', () => {
    const table = new InterfaceTable();
    table.name(0);
    assert.equal(table.size, 0);
  });

  test('names of object properties are names like others', () => {
    const table = new InterfaceTable();
    assert.deepEqual(
      ['constructor', '__proto__', 'length'].map((n) => table.id(n)),
      [0, 1, 2],
    );
    assert.equal(table.name(1), '__proto__');
  });
});
