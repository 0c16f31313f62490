import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkNetworks } from '../../src/rules/sets/link-networks.ts';

test('a network is there as long as one of its elements, whatever the interface', () => {
  const networks = new LinkNetworks(3, 2, 7);
  const key = (network: number, iface: number) => Int32Array.of(network, 24, iface);
  networks.count(key(1, 5), 1);
  networks.count(key(1, 6), 1);
  networks.count(key(2, 5), 1);
  assert.deepEqual(
    [1, 2, 3].map((n) => networks.has(key(n, 9))),
    [true, true, false],
  );
  networks.count(key(1, 5), -1);
  networks.count(key(2, 5), -1);
  assert.deepEqual(
    [1, 2].map((n) => networks.has(key(n, 5))),
    [true, false],
  );
  networks.count(key(1, 6), -1);
  assert.equal(networks.has(key(1, 6)), false);
});
