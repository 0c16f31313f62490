import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineGateway, type Following } from './conntrack-engine.ts';
import type { Outcome } from './conntrack-gateway.ts';
import { linesOf, masked, recordedText } from './recorded-text.ts';

/**
 * Command lines, played through conntrack 1.4.7 on Linux 6.18 in a network namespace of their own,
 * and what it answered (conntrack/recorded.txt). A section begins with an empty table:
 *
 *   ## a section
 *   !labels                   there is a file of label names
 *   !acct                     connections show their counters and times
 *   !ftp                      an FTP control connection is under way
 *   < a line of standard input of the next command
 *   $ the arguments of a command
 *   1 a line it printed
 *   2 a line on standard error ("@" is the program's name and version)
 *   = its exit code
 *   ~ why it is not so here; the lines before it are not compared
 *   & a command that follows events until the next "."
 */

interface Step {
  /** '$', '&' or '.'. */
  kind: string;
  words: string[];
  stdin: string;
  stdout: string[];
  stderr: string[];
  code: number;
  different: string | null;
}
interface Section {
  name: string;
  setup: string[];
  steps: Step[];
}

const LABELS = '# number and name\n0 zero\n1\tone\n2 two\n40 forty\n127 last\n';

describe('as conntrack 1.4.7 answered', () => {
  let compared = 0;
  for (const section of sections(recordedText('recorded.txt'))) {
    test(section.name, async () => {
      const { count, differences } = await play(section);
      compared += count;
      if (differences.length > 0) assert.fail(`differences:\n${differences.join('\n\n')}`);
    });
  }
  test('and nothing was left out', () => assert.ok(compared > 1850, `${compared} compared`));
});

interface Played {
  count: number;
  differences: string[];
}

async function play({ setup, steps }: Section): Promise<Played> {
  const gateway = new EngineGateway();
  if (setup.includes('labels')) gateway.labels = LABELS;
  if (setup.includes('acct')) gateway.showAll();
  if (setup.includes('ftp')) await gateway.beginFtp();
  let following: Following | null = null;
  const played: Played = { count: 0, differences: [] };
  for (const step of steps) {
    if (step.kind === '&') {
      await gateway.run(['-F']);
      following = await gateway.follow(step.words);
      continue;
    }
    gateway.stdin = step.stdin;
    const outcome = step.kind === '.' ? await following!.stop() : await gateway.run(step.words);
    if (step.different !== null) continue;
    played.count++;
    const [was, is] = [shown(step), shown(outcomeStep(step, outcome))];
    if (was !== is)
      played.differences.push(`$ ${step.words.join(' ')}\n--- was\n${was}\n--- is\n${is}`);
  }
  return played;
}

function outcomeStep(step: Step, { code, stdout, stderr }: Outcome): Step {
  const errors = linesOf(stderr)
    .filter((text) => !text.startsWith('Try `conntrack -h'))
    .map((text) => text.replace('conntrack v1.4.7 (conntrack-tools): ', '@ '));
  // The words of the help are our own.
  const isHelp = stdout.startsWith('Usage: conntrack ');
  return { ...step, code, stderr: errors, stdout: isHelp ? ['(help)'] : linesOf(stdout) };
}

/** The kernel lists by its hash, so that the order of lines says nothing. */
function shown({ code, stdout, stderr }: Step): string {
  return [...stdout.map(masked).sort(), ...stderr, `= ${code}`].join('\n');
}

function sections(text: string): Section[] {
  const found: Section[] = [];
  let stdin = '';
  for (const line of text.split('\n')) {
    const [mark, rest] = [line[0] ?? '', line.slice(2)];
    const section = found.at(-1);
    const step = section?.steps.at(-1);
    if (line.startsWith('## ')) found.push({ name: line.slice(3), setup: [], steps: [] });
    else if (mark === '!') section?.setup.push(line.slice(1));
    else if (mark === '<') stdin += `${rest}\n`;
    else if (mark === '$' || mark === '&' || mark === '.') {
      const words = rest === '' ? [] : rest.split(' ').map((word) => (word === "''" ? '' : word));
      const empty = { stdout: [], stderr: [], code: 0, different: null };
      section?.steps.push({ kind: mark, words, stdin, ...empty });
      stdin = '';
    } else if (mark === '1') step?.stdout.push(rest);
    else if (mark === '2') step?.stderr.push(rest);
    else if (mark === '=' && step !== undefined) step.code = Number(rest);
    else if (mark === '~' && step !== undefined) step.different = rest;
  }
  return found;
}
