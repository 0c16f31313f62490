import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const output = pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'cli', 'output.js')).href;
const LINES = 40_000;

/** Prints many lines through a pipe that Node has made non-blocking, then says how it ended. */
const script = `
  import { Output } from ${JSON.stringify(output)};
  void process.stdout.columns;
  process.stdout._handle?.setBlocking?.(false);
  const output = new Output();
  for (let i = 0; i < ${LINES}; i++) output.write('line ' + i + ' ' + 'x'.repeat(40) + '\\n');
  output.flush();
  process.stderr.write(output.closed ? 'closed' : 'whole');
`;
const args = ['--input-type=module', '--eval', script];

test('nothing is lost in a pipe whose reader is slow', async () => {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let text = '';
  let reads = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
    // The pipe is full meanwhile: the writer must wait and go on.
    if (reads++ % 8 === 0) {
      child.stdout.pause();
      setImmediate(() => child.stdout.resume());
    }
  });
  const [code] = await ended;
  assert.equal(code, 0);
  const lines = text.trimEnd().split('\n');
  assert.equal(lines.length, LINES);
  assert.ok(lines.every((line, i) => line.startsWith(`line ${i} `)));
});

test('a reader that goes away ends it quietly', () => {
  const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
  const run = spawnSync('sh', ['-c', `'${process.execPath}' ${quoted} | head -n 3`], {
    encoding: 'utf8',
  });
  assert.equal(run.stdout.split('\n').length, 4);
  assert.equal(run.stderr, 'closed');
});
