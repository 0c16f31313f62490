/** The rounds: every test on every side in turn, each in a lab of its own. */
import { withLab } from '../../live/harness.ts';
import { type BenchCase, benchCases } from './cases.ts';
import type { Figures } from './load.ts';
import type { BenchOptions } from './options.ts';
import { prepareLab } from './prepare-lab.ts';
import { describeMachine, type Failure, type FigureTable, type Results } from './results.ts';
import { benchRules } from './rules.ts';
import { type SideName, startSide } from './sides.ts';

/** Measured seconds of the run before the first round, which wakes the machine and counts for nothing. */
const FIRST_RUN_SECONDS = 0.3;

class CannotStart extends Error {}

/** One test on one side, in a fresh lab. Throws CannotStart where the side is not there. */
function measureOnce(test: BenchCase, name: SideName, seconds: number): Promise<Figures> {
  return withLab('bench', { ftpd: false }, async (lab) => {
    await prepareLab(lab, test.offloads);
    const request = { rules: benchRules(test.rulesBefore), connections: test.connections };
    const side = await startSide(name, lab, request).catch((error: unknown) => {
      throw new CannotStart(messageOf(error), { cause: error });
    });
    const figures = await test.run({ lab, side, seconds });
    await side.stop();
    return figures;
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Sides take turns in being first, so that none always runs on a machine that others have heated. */
function turnOf<T>(items: readonly T[], round: number): T[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** Plain routing is a reference for the ends: every third round is enough, and it has no rules. */
function takesPart(side: SideName, test: BenchCase, round: number): boolean {
  return side !== 'routing' || (round % 3 === 0 && test.rulesBefore === 0);
}

export class Measurement {
  readonly #options: BenchOptions;
  readonly #say: (line: string) => void;
  readonly #figures: FigureTable = {};
  readonly #failures: Failure[] = [];
  readonly #absent = new Set<SideName>();

  constructor(options: BenchOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  /** A test that fails is told and noted; the others go on. */
  async run(): Promise<Results> {
    const begun = new Date();
    const { sides, minutes, seconds, tests } = this.#options;
    const cases = benchCases.filter(({ name }) => tests.includes(name));
    await this.#firstRun(cases);
    const done = await this.#rounds(cases, begun.getTime() + minutes * 60_000);
    return {
      version: 1,
      begun: begun.toISOString(),
      elapsedSeconds: Math.round((Date.now() - begun.getTime()) / 1000),
      machine: describeMachine(),
      rounds: done,
      seconds,
      sides,
      figures: this.#figures,
      failures: this.#failures,
    };
  }

  /** How many rounds there were: fewer than asked for where one more might end after `limitMs`. */
  async #rounds(cases: readonly BenchCase[], limitMs: number): Promise<number> {
    const { sides, rounds } = this.#options;
    let longestMs = 0;
    for (let round = 0; round < rounds; round++) {
      const begunMs = Date.now();
      if (begunMs + longestMs > limitMs) {
        this.#say(`${round} of ${rounds} rounds: the time is up (--minutes)`);
        return round;
      }
      for (const test of cases) {
        for (const side of turnOf(sides, round)) {
          if (takesPart(side, test, round)) await this.#measure(test, side, round);
        }
      }
      longestMs = Math.max(longestMs, Date.now() - begunMs);
    }
    return rounds;
  }

  /** A side that cannot start here is left out from now on. */
  async #firstRun(cases: readonly BenchCase[]): Promise<void> {
    const [test] = cases;
    if (test === undefined) return;
    for (const side of this.#options.sides) {
      try {
        await measureOnce(test, side, FIRST_RUN_SECONDS);
      } catch (error) {
        this.#fail(side, test, 0, error);
        if (error instanceof CannotStart) this.#leaveOut(side);
      }
    }
  }

  #leaveOut(side: SideName): void {
    this.#absent.add(side);
    this.#say(`${side} cannot start and is left out`);
  }

  async #measure(test: BenchCase, side: SideName, round: number): Promise<void> {
    if (this.#absent.has(side)) return;
    const begun = performance.now();
    try {
      const figures = await measureOnce(test, side, this.#options.seconds);
      this.#keep(test.name, side, figures);
      const shown = Object.entries(figures).map(([name, value]) => `${name} ${+value.toFixed(2)}`);
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      this.#say(`round ${round + 1}  ${test.name}  ${side}: ${shown.join(', ')} (${took} s)`);
    } catch (error) {
      this.#fail(side, test, round + 1, error);
    }
  }

  #keep(test: string, side: SideName, figures: Figures): void {
    this.#figures[test] ??= {};
    this.#figures[test][side] ??= {};
    const kept = this.#figures[test][side];
    for (const [name, value] of Object.entries(figures)) {
      kept[name] ??= [];
      kept[name].push(value);
    }
  }

  #fail(side: SideName, test: BenchCase, round: number, error: unknown): void {
    const message = messageOf(error);
    this.#failures.push({ side, test: test.name, round, message });
    const when = round === 0 ? 'before the first round' : `round ${round}`;
    this.#say(`FAILED, ${when}: ${test.name}, ${side}: ${message}`);
  }
}
