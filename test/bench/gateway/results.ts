/** What a run of the benchmark brings home, and the file that holds it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { repositoryRoot } from '../../live/harness.ts';
import type { SideName } from './sides.ts';

export interface Failure {
  readonly side: SideName;
  readonly test: string;
  /** From 1; 0: before the first round. */
  readonly round: number;
  readonly message: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Commit of the checkout; "+" after it: with changes. */
  readonly commit: string;
}

/** test, side, figure: one number of each round in which it was measured. */
export type FigureTable = Record<string, Partial<Record<SideName, Record<string, number[]>>>>;

export interface Results {
  readonly version: 1;
  /** ISO 8601, when it began. */
  readonly begun: string;
  readonly elapsedSeconds: number;
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  /** The first one is what the others are held against. */
  readonly sides: readonly SideName[];
  readonly figures: FigureTable;
  readonly failures: readonly Failure[];
}

function git(...args: string[]): string {
  try {
    const options = { cwd: repositoryRoot, encoding: 'utf8', stdio: 'pipe' } as const;
    // Without locks: asking must not write into the repository.
    return execFileSync('git', ['--no-optional-locks', ...args], options).trim();
  } catch {
    return '';
  }
}

export function describeMachine(): Machine {
  const commit = git('rev-parse', '--short', 'HEAD') || 'unknown';
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
    commit: git('status', '--porcelain') === '' ? commit : `${commit}+`,
  };
}

export function writeResults(path: string, results: Results): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, null, 1)}\n`);
}

/** Throws where the file is not one of this benchmark. */
export function readResults(path: string): Results {
  const parsed = JSON.parse(readFileSync(path, 'utf8')) as Partial<Results>;
  if (parsed.version !== 1 || parsed.figures === undefined) {
    throw new Error(`${path} does not hold results of the gateway benchmark`);
  }
  return parsed as Results;
}
