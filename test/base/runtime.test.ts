import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const runtime = new URL('../../src/base/runtime.js', import.meta.url).href;
const script =
  `import { getPriority } from 'node:os'; import { takePrecedence } from '${runtime}';` +
  'takePrecedence(); console.log(getPriority());';

/** The priority of a process that has taken precedence, begun by these words. */
function priorityAfter(...prefix: string[]): string {
  const argv = [...prefix, process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.trim();
}

test('a process that takes precedence comes before others', (t) => {
  if (process.geteuid?.() !== 0) {
    t.skip('needs root');
    return;
  }
  assert.equal(priorityAfter(), '-5');
  assert.equal(priorityAfter('nice', '-n', '7'), '7', 'unless it was given a priority');
  const nobody = ['setpriv', '--reuid=65534', '--clear-groups', '--bounding-set=-all'];
  assert.equal(priorityAfter(...nobody), '0', 'or may not');
});
