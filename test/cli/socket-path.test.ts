import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CommandError } from '../../src/cli/exit-code.ts';
import { defaultSocket, extractSocket, socketLast } from '../../src/cli/socket-path.ts';

describe('--socket of commands with a command line of their own', () => {
  test('taken out wherever it stands, in both spellings', () => {
    assert.deepEqual(extractSocket(['-L', '--socket', '/x', 'expect']), {
      socket: '/x',
      rest: ['-L', 'expect'],
    });
    assert.deepEqual(extractSocket(['--socket=/x', '-C']), { socket: '/x', rest: ['-C'] });
  });

  test('the default where it is not given', () => {
    assert.deepEqual(extractSocket(['-L']), { socket: defaultSocket(), rest: ['-L'] });
  });

  test('without a path it is an error of use', () => {
    for (const words of [['--socket'], ['--socket=', '-L']]) {
      assert.throws(
        () => extractSocket(words),
        (error) => error instanceof CommandError && error.exitCode === 2,
      );
    }
  });

  test('before the command it is as good as behind it', () => {
    assert.deepEqual(socketLast(['--socket', '/x', 'conntrack', '-L']), [
      'conntrack',
      '-L',
      '--socket',
      '/x',
    ]);
    assert.deepEqual(socketLast(['--socket=/x', 'status']), ['status', '--socket=/x']);
    assert.deepEqual(socketLast(['conntrack', '--socket', '/x']), ['conntrack', '--socket', '/x']);
  });
});
