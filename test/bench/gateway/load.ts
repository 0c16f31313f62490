/** The project's own load generator: compiled when needed, run in the namespaces of a lab. */
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Lab,
  mustRunIn,
  type Place,
  repositoryRoot,
  run,
  startIn,
} from '../../live/harness.ts';

const sourceDir = join(repositoryRoot, 'test', 'bench', 'gateway', 'load');
const outputDir = join(repositoryRoot, '.out', 'bench');
/** The compiled generator; `buildLoad` makes it. */
export const loadProgram = join(outputDir, 'load');

/** Beyond what a part of the generator is told to take. */
const GRACE_MS = 90_000;

export const serverAddress = '203.0.113.21';

/** What a part of the generator prints at its end. */
export type Figures = Readonly<Record<string, number>>;

/** Compiles the generator where a source is newer than the program. Throws with the compiler's words. */
export async function buildLoad(): Promise<void> {
  const names = readdirSync(sourceDir).map((name) => join(sourceDir, name));
  const newest = Math.max(...names.map((name) => statSync(name).mtimeMs));
  const built = statSync(loadProgram, { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs > newest) return;
  mkdirSync(outputDir, { recursive: true });
  const sources = names.filter((name) => name.endsWith('.c'));
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra'];
  // Under a name of its own until it is whole: tests may build it at the same time.
  const unfinished = `${loadProgram}.${process.pid}`;
  const argv = ['cc', ...flags, '-o', unfinished, ...sources, '-lm'];
  const { code, stderr } = await run(argv, { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`the load generator does not compile\n${stderr}`);
  renameSync(unfinished, loadProgram);
}

function figures(text: string): Figures {
  const line = text.trim().split('\n').at(-1) ?? '';
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`not figures: ${line}`);
  return parsed as Figures;
}

/** Runs a client against the server to its end. Throws where it fails or reports errors. */
export async function loadClient(
  lab: Lab,
  part: string,
  options: readonly string[],
): Promise<Figures> {
  const argv = [loadProgram, part, '-a', serverAddress, ...options];
  const answer = figures(await mustRunIn(lab, 'client', argv, { timeoutMs: GRACE_MS }));
  const errors = answer.errors ?? 0;
  if (errors > 0) throw new Error(`${part}: ${errors} errors: ${JSON.stringify(answer)}`);
  return answer;
}

/** Runs `fn` with a server outside; resolves to what `fn` says and what the server printed. */
export async function withLoadServer<T>(
  lab: Lab,
  part: string,
  options: readonly string[],
  fn: () => Promise<T>,
): Promise<{ result: T; server: string }> {
  const place: Place = 'server';
  const argv = [loadProgram, part, '-a', serverAddress, ...options];
  const server = await startIn(lab, place, argv, /^ready/m);
  try {
    const result = await fn();
    await server.stop();
    return { result, server: server.output() };
  } finally {
    await server.stop(0);
  }
}

/** What a server printed when it ended. */
export const serverFigures = figures;
