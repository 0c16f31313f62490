/** The command line of the gateway benchmark. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../../live/harness.ts';
import { testNames } from './cases.ts';
import { type SideName, sideNames } from './sides.ts';

export interface BenchOptions {
  readonly rounds: number;
  /** Measured seconds of each test; the warm-up before it is not among them. */
  readonly seconds: number;
  /** No round begins that would probably end after this. */
  readonly minutes: number;
  /** Names of tests, in the order in which they run. */
  readonly tests: readonly string[];
  /** Sides in the order in which they first run; the first one is what the others are held against. */
  readonly sides: readonly SideName[];
  /** Where the results are written. */
  readonly jsonPath: string;
  /** Print the table as Markdown. */
  readonly markdown: boolean;
  /** Print the results of this file and measure nothing. */
  readonly fromPath: string | null;
}

export class UsageError extends Error {
  readonly code = 'BENCH_USAGE';
}

export const usage = `Usage: npm run bench -- gateway [OPTION...]

  --rounds N              rounds (5)
  --seconds N             measured seconds of each test (1.2)
  --minutes N             begin no round that would end after this (10)
  --only TEST[,TEST]      only these tests
  --datapath SIDE[,SIDE]  ${sideNames.join(', ')}; the first is compared with (kernel,gate,routing)
  --json FILE             results (.out/bench/gateway.json)
  --markdown              print the table for docs/performance.md
  --from FILE             print the results of an earlier run

Tests: ${testNames.join(', ')}
`;

/** Throws a UsageError. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const values = parse(argv);
  const tests = values.only === undefined ? testNames : choose('test', values.only, testNames);
  return {
    rounds: number('--rounds', values.rounds ?? '5', /^[1-9]\d?$/),
    seconds: number(
      '--seconds',
      values.seconds ?? '1.2',
      /^(?:[1-9]|0?\.[1-9]|[1-9]\.\d|[1-5]\d)$/,
    ),
    minutes: number('--minutes', values.minutes ?? '10', /^[1-9]\d{0,2}$/),
    tests: testNames.filter((name) => tests.includes(name)),
    sides: choose('datapath', values.datapath ?? 'kernel,gate,routing', sideNames),
    jsonPath: values.json ?? join(repositoryRoot, '.out', 'bench', 'gateway.json'),
    markdown: values.markdown ?? false,
    fromPath: values.from ?? null,
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        rounds: text,
        seconds: text,
        minutes: text,
        only: text,
        datapath: text,
        json: text,
        from: text,
        markdown: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function number(option: string, text: string, allowed: RegExp): number {
  if (!allowed.test(text)) throw new UsageError(`${option} does not take '${text}'`);
  return Number(text);
}

function choose<T extends string>(what: string, list: string, known: readonly T[]): T[] {
  const chosen = [...new Set(list.split(','))];
  return chosen.map((name) => {
    const found = known.find((candidate) => candidate === name);
    if (found === undefined) {
      throw new UsageError(`there is no ${what} '${name}'; there are: ${known.join(', ')}`);
    }
    return found;
  });
}
