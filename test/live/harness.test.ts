/** The live harness: what it reports must be true, or the tests built on it mean nothing. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { mustRunIn, requireLive, runIn, startIn, withLab } from './harness.ts';

test('processes in a lab are started, captured, timed out and stopped', async (t) => {
  if (!requireLive(t, [])) return;
  let runDir = '';
  await withLab('harness', { ftpd: false }, async (lab) => {
    runDir = lab.runDir;

    const echoed = await runIn(lab, 'client', ['sh', '-c', 'cat; echo oops >&2; exit 3'], {
      input: 'in',
    });
    assert.deepEqual(echoed, { code: 3, timedOut: false, stdout: 'in', stderr: 'oops\n' });
    assert.match(await mustRunIn(lab, 'client', ['ip', '-o', 'address']), /192\.168\.77\.10\/24/);
    await assert.rejects(mustRunIn(lab, 'client', ['sh', '-c', 'echo why; exit 4']), /4\nwhy/);

    // The sleeping child holds the pipe open: the timeout has to end it too.
    const slow = await runIn(lab, 'server', ['sh', '-c', 'sleep 60; true'], { timeoutMs: 100 });
    assert.equal(slow.timedOut, true);

    const shell = "trap 'echo bye; exit 5' TERM; echo up and ready; while :; do sleep 0.02; done";
    const background = await startIn(lab, 'gateway', ['sh', '-c', shell], /ready/);
    assert.equal(background.exitCode(), undefined);
    assert.equal(await background.stop(), 5);
    assert.equal(background.exitCode(), 5);
    assert.equal(background.output(), 'up and ready\nbye\n');

    const early = startIn(lab, 'gateway', ['sh', '-c', 'echo no; exit 6'], /ready/);
    await assert.rejects(early, /ended with 6 before it was ready\nno/);
    const mute = startIn(lab, 'gateway', ['sleep', '60'], /ready/, { timeoutMs: 100 });
    await assert.rejects(mute, /no \/ready\/ in its output/);
  });
  assert.equal(existsSync(runDir), false);
});
