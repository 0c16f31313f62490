import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineGateway, type Following } from './conntrack-engine.ts';
import type { Outcome } from './conntrack-gateway.ts';
import { linesOf, masked, recordedText } from './recorded-text.ts';
import {
  type Command,
  linesAhead,
  type Section,
  transcriptSections,
} from './transcript-sections.ts';
import { RecordedSession } from './transcript-session.ts';

/**
 * The recorded sessions played through an engine, with the recorded addresses, ports, lines of FTP
 * and counters; each command is then run and must print what it printed then, but for times,
 * identifiers and the order in which the kernel's hash lists entries.
 */
process.env.TZ = 'UTC';

/** Commands that are answered in another way on purpose. */
const different = new Set([
  // An output format of Pinhole's own; conntrack 1.4.7 does not know the word.
  '-L -o json',
]);

describe('the engine shows what Linux showed', () => {
  let lines = 0;
  for (const section of transcriptSections(recordedText('transcripts.txt'))) {
    test(section.name, async () => {
      const { count, differences } = await play(section);
      lines += count;
      if (differences.length > 0) assert.fail(`differences:\n${differences.join('\n\n')}`);
    });
  }
  test('and nothing was left out', () => assert.ok(lines > 580, `${lines} lines were compared`));
});

interface Played {
  count: number;
  readonly differences: string[];
}

async function play(section: Section): Promise<Played> {
  const interfaces = { lan0: '192.168.1.1/24', wan0: '203.0.113.1/24' };
  // As `pinhole run` has it where rules bind helpers: no port gets one without a rule.
  const settings = { ftpPorts: [] };
  const { rules } = section;
  const gateway = new EngineGateway({ rules, interfaces, settings, defaultOut: 'wan0' });
  gateway.showAll();
  const session = new RecordedSession(gateway);
  const followers = new Map<Command, Following>();
  for (const step of section.steps) {
    if (step.kind === 'command' && isFollowing(step)) {
      followers.set(step, await gateway.follow(step.words));
    }
  }
  const played: Played = { count: 0, differences: [] };
  for (const [index, step] of section.steps.entries()) {
    session.ahead = linesAhead(section, index);
    if (step.kind !== 'command') await session.play(step);
    else if (!isFollowing(step)) {
      await session.fill(step.stdout);
      compare(played, step, await gateway.run(step.words));
    }
  }
  for (const [step, following] of followers) compare(played, step, await following.stop());
  return played;
}

/** Whether the command went on until it was interrupted. */
function isFollowing({ words, code }: Command): boolean {
  return words[0] === '-E' && (code === null || code === 0);
}

function compare(played: Played, step: Command, outcome: Outcome): void {
  if (different.has(step.words.join(' '))) return;
  const was = shown(step, step.stdout, step.stderr, step.code);
  const stderr = step.code === null ? [] : linesOf(outcome.stderr);
  const code = step.code === null ? null : outcome.code;
  const is = shown(step, linesOf(outcome.stdout), stderr, code);
  played.count += step.stdout.length + step.stderr.length;
  if (was === is) return;
  played.differences.push(`conntrack ${step.words.join(' ')}\n--- was\n${was}\n--- is\n${is}`);
}

function shown(
  { words }: Command,
  stdout: readonly string[],
  stderr: readonly string[],
  code: number | null,
): string {
  // The words of the help are our own.
  const isHelp = stdout[0]?.startsWith('Usage: conntrack ') ?? false;
  const lines = isHelp ? ['(help)'] : stdout.map(masked).map(comparable).filter(isOfFirstCpu);
  // The order of events is compared; that of a list is the kernel's hash's.
  if (words[0] === '-L') lines.sort();
  return [...lines, ...stderr, `= ${code}`].join('\n');
}

function comparable(line: string): string {
  // An unanswered SYN still waited for a neighbour in the recorded kernel, and held its entry.
  return line.includes('dst=203.0.113.99 ') ? line.replace(/use=\d/, 'use=') : line;
}

/** The counters of -S are one line per processor there; the engine is one. */
function isOfFirstCpu(line: string): boolean {
  return !/^cpu=[1-9]/.test(line);
}
