import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena } from '../../src/base/index.ts';
import { ConntrackTable, Direction } from '../../src/conntrack/index.ts';
import { SeqAdjustTable } from '../../src/nat/index.ts';

const { Original, Reply } = Direction;

describe('what the TCP tracker must subtract from an acknowledgement', () => {
  function tableWithRow(): { adjusts: SeqAdjustTable; row: number } {
    const table = new ConntrackTable(new Arena(), 4, 1);
    return { adjusts: new SeqAdjustTable(table), row: table.allocate() };
  }

  test('nothing where nothing was rewritten', () => {
    const { adjusts, row } = tableWithRow();
    assert.equal(adjusts.ackOffset(row, Reply, 12345), 0);
    adjusts.ensure(row);
    assert.equal(adjusts.ackOffset(row, Reply, 12345), 0);
  });

  test('behind a replacement the change of its length, in the other direction only', () => {
    const { adjusts, row } = tableWithRow();
    // 20 bytes at 1000 went on as 25, then 10 at 1100 as 7.
    adjusts.ensure(row).record(Original, 1000, 20, 25);
    adjusts.ensure(row).record(Original, 1100, 10, 7);
    assert.equal(adjusts.ackOffset(row, Reply, 1000), 0);
    assert.equal(adjusts.ackOffset(row, Reply, 1025), 5);
    assert.equal(adjusts.ackOffset(row, Reply, 1105), 5);
    assert.equal(adjusts.ackOffset(row, Reply, 1112), 2);
    assert.equal(adjusts.ackOffset(row, Original, 1112), 0);
  });

  test('inside replaced bytes it leads back to their first', () => {
    const { adjusts, row } = tableWithRow();
    adjusts.ensure(row).record(Reply, 1000, 20, 25);
    for (const ack of [1001, 1010, 1024]) {
      assert.equal(ack - adjusts.ackOffset(row, Original, ack), 1000);
    }
  });

  test('where the numbers wrap', () => {
    const { adjusts, row } = tableWithRow();
    adjusts.ensure(row).record(Original, 0xfffffff0, 20, 30);
    assert.equal(adjusts.ackOffset(row, Reply, 14), 10);
    assert.equal(adjusts.ackOffset(row, Reply, 0xfffffff0 | 0), 0);
  });

  test('a row that is used again has none', () => {
    const { adjusts, row } = tableWithRow();
    adjusts.ensure(row).record(Original, 1000, 20, 25);
    adjusts.forget(row);
    assert.equal(adjusts.ackOffset(row, Reply, 2000), 0);
  });
});
