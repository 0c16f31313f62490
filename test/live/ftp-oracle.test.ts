/**
 * The FTP helper in kernel mode against nf_conntrack_ftp and nf_nat_ftp: random dialogues through a
 * gateway namespace and through the engine in memory, segment by segment.
 *
 * PINHOLE_FTP_DIALOGUES says how many, PINHOLE_FTP_SEED which ones; PINHOLE_FTP_ONLY plays some of
 * them alone, by their numbers (`17,2203`), and PINHOLE_FTP_LOOSE=1 all of them with loose=1, which
 * the module has for the whole machine: while it runs, nothing else may depend on it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { repositoryRoot, requireLive, withLab } from './harness.ts';
import { FtpKernel } from './oracle/ftp/kernel.ts';
import { RecordedDialogue, type Vector } from './oracle/ftp/recorded.ts';
import { FtpTwin } from './oracle/ftp/twin.ts';

const DIALOGUES = Number(process.env.PINHOLE_FTP_DIALOGUES ?? 2400);
const SEED = Number(process.env.PINHOLE_FTP_SEED ?? 20_261_121);
const only = process.env.PINHOLE_FTP_ONLY ?? '';
const isLoose = process.env.PINHOLE_FTP_LOOSE === '1';
/** Complaints are long. */
const SHOWN = 12;
/** From so many on, a run has to show that it touches everything. */
const ENOUGH = 1000;

const programs = ['iptables-legacy-restore', 'ip6tables-legacy-restore', 'ethtool', 'python3'];
const parameter = '/sys/module/nf_conntrack_ftp/parameters/loose';
const serials =
  only === '' ? Array.from({ length: DIALOGUES }, (_, i) => i) : only.split(',').map(Number);

const vectorsPath = join(repositoryRoot, '..', 'shared', 'reference', 'ftp-helper-vectors.json');

/** Runs `play` with the kernel, or skips with the reason why there is none. */
async function withKernel(t: TestContext, play: (kernel: FtpKernel) => Promise<void>) {
  if (!requireLive(t, programs)) return;
  await withLab('fo', { ftpd: false }, async (lab) => {
    const kernel = await FtpKernel.open(lab);
    if (kernel === null) return t.skip('this kernel has no FTP helper, or no rules that attach it');
    try {
      await play(kernel);
    } finally {
      kernel.close();
    }
  });
}

/** The module's parameter for the time of `run`. */
async function withLoose(t: TestContext, run: () => Promise<void>): Promise<void> {
  if (!isLoose) return run();
  if (!existsSync(parameter)) return t.skip(`no ${parameter}`);
  const before = readFileSync(parameter, 'utf8');
  const restore = () => writeFileSync(parameter, before);
  process.once('exit', restore);
  try {
    writeFileSync(parameter, 'Y');
    await run();
  } finally {
    restore();
    process.off('exit', restore);
  }
}

function assertNone(differences: readonly string[]): void {
  const shown = differences.slice(0, SHOWN).join('\n');
  assert.equal(differences.length, 0, `${differences.length} differ (seed ${SEED}):\n${shown}`);
}

/** What must have happened often enough that the comparison says something. */
function assertRich({ tally }: FtpTwin): void {
  const { said, dropped, rewritten, expected, related, refused, leftToChance, oldNumbers } = tally;
  const share = (part: number, least: number) =>
    assert.ok(part >= said * least, `${part} of ${said}: ${JSON.stringify(tally)}`);
  share(dropped, 0.05);
  share(rewritten, 0.015);
  share(expected, 0.03);
  share(related, 0.01);
  share(refused, 0.01);
  // What is not compared in full must stay rare.
  assert.ok(leftToChance <= serials.length * 0.08, JSON.stringify(tally));
  assert.ok(oldNumbers <= said * 0.005, JSON.stringify(tally));
}

describe('the FTP helper in kernel mode against the kernel', () => {
  const reason = 'the shared reference is not beside the repository';
  const skip = existsSync(vectorsPath) ? false : reason;

  test('the recorded dialogues come out of this kernel as they did then', { skip }, async (t) => {
    await withKernel(t, async (kernel) => {
      const { vectors } = JSON.parse(readFileSync(vectorsPath, 'utf8')) as { vectors: Vector[] };
      const twin = new FtpTwin(kernel);
      for (const vector of vectors) {
        const dialogue = new RecordedDialogue(vector);
        await twin.together([dialogue]);
        assertNone(twin.differences);
        assert.deepEqual(dialogue.course, dialogue.expected, dialogue.name);
      }
    });
  });

  test(`${serials.length} random dialogues`, async (t) => {
    await withLoose(t, () =>
      withKernel(t, async (kernel) => {
        const twin = new FtpTwin(kernel, isLoose);
        await twin.run(SEED, serials);
        t.diagnostic(`${twin.steps} segments: ${JSON.stringify(twin.tally)}`);
        assertNone(twin.differences);
        if (serials.length >= ENOUGH) assertRich(twin);
      }),
    );
  });
});
