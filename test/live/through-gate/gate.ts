/** Live tests a second time, with `pinhole run --datapath gate` in the middle. */
import { describe, test } from 'node:test';

/** Declares the tests of the file that `load` imports. A process has one of these only. */
export function throughGate(load: () => Promise<unknown>): void {
  if (process.env.PINHOLE_TEST_GATEWAY === 'kernel') {
    test.skip('PINHOLE_TEST_GATEWAY=kernel: the kernel has no datapaths');
    return;
  }
  process.env.PINHOLE_TEST_DATAPATH = 'gate';
  describe('through the gate', async () => {
    await load();
  });
}
