/** The rounds: every test on every side in turn. */
import type { BenchCase, BenchSet, Run } from './cases.ts';
import { setsOf } from './cases.ts';
import type { Figures } from './load.ts';
import { CannotStart, messageOf, type OpenLab, openLab } from './open-lab.ts';
import type { BenchOptions } from './options.ts';
import { describeMachine, type Failure, type FigureTable, type Results } from './results.ts';
import type { SideName } from './sides.ts';

/** Measured seconds of the run before the first round, which wakes the machine and counts for nothing. */
const FIRST_RUN_SECONDS = 0.3;

/** A test that has begun on one side; null where that has failed. */
interface Begun {
  readonly open: OpenLab;
  readonly run: Run | null;
}

/** Sides take turns in being first, so that none always runs on a machine that others have heated. */
export function turnOf<T>(items: readonly T[], round: number): T[] {
  const first = round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

const hasRouting = (round: number) => round % 3 === 0;

/** Plain routing is a reference for the ends: every third round is enough, and it has no rules. */
export function takesPart(side: SideName, set: BenchSet, round: number): boolean {
  return side !== 'routing' || (hasRouting(round) && set.rulesBefore === 0);
}

export class Measurement {
  readonly #options: BenchOptions;
  readonly #say: (line: string) => void;
  readonly #figures: FigureTable = {};
  readonly #failures: Failure[] = [];
  readonly #absent = new Set<SideName>();
  /** Milliseconds of the present round in which labs were set up or taken down. */
  #settingUpMs = 0;

  constructor(options: BenchOptions, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  /** A test that fails is told and noted; the others go on. */
  async run(): Promise<Results> {
    const begun = new Date();
    const { sides, minutes, seconds, tests } = this.#options;
    const sets = setsOf(tests);
    await this.#firstRun(sets);
    const done = await this.#rounds(sets, begun.getTime() + minutes * 60_000);
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
  async #rounds(sets: readonly BenchSet[], limitMs: number): Promise<number> {
    const { rounds } = this.#options;
    /** Of rounds without plain routing, and of those with it. */
    const longestMs = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const begunMs = Date.now();
      const kind = hasRouting(round) ? 1 : 0;
      if (begunMs + longestMs[kind]! > limitMs) {
        this.#say(`${round} of ${rounds} rounds: the time is up (--minutes)`);
        return round;
      }
      this.#settingUpMs = 0;
      for (const set of sets) await this.#set(set, await this.#openAll(set, round), round);
      const tookMs = Date.now() - begunMs;
      longestMs[kind] = Math.max(longestMs[kind]!, tookMs);
      const [took, settingUp] = [tookMs, this.#settingUpMs].map((ms) => (ms / 1000).toFixed(1));
      this.#say(`round ${round + 1} took ${took} s, ${settingUp} of it labs and gateways`);
    }
    return rounds;
  }

  /** A side that cannot start here is left out from now on. */
  async #firstRun(sets: readonly BenchSet[]): Promise<void> {
    const [set] = sets;
    const test = set?.cases[0];
    if (set === undefined || test === undefined) return;
    for (const side of this.#options.sides) {
      try {
        const open = await openLab(set, side, FIRST_RUN_SECONDS);
        try {
          await this.#runOn(open, test, await test.begin(open.bench));
        } finally {
          await open.close();
        }
      } catch (error) {
        this.#fail(side, test.name, 0, error);
        if (error instanceof CannotStart) this.#leaveOut(side);
      }
    }
  }

  #leaveOut(side: SideName): void {
    this.#absent.add(side);
    this.#say(`${side} cannot start and is left out`);
  }

  /** In the order in which the sides have their turn. */
  async #openAll(set: BenchSet, round: number): Promise<OpenLab[]> {
    const sides = turnOf(this.#options.sides, round).filter(
      (side) => !this.#absent.has(side) && takesPart(side, set, round),
    );
    const opening = () => Promise.all(sides.map((side) => this.#open(set, side, round)));
    return (await this.#settingUp(opening)).filter((lab) => lab !== null);
  }

  async #settingUp<T>(work: () => Promise<T>): Promise<T> {
    const begunMs = Date.now();
    try {
      return await work();
    } finally {
      this.#settingUpMs += Date.now() - begunMs;
    }
  }

  async #open(set: BenchSet, side: SideName, round: number): Promise<OpenLab | null> {
    try {
      return await openLab(set, side, this.#options.seconds);
    } catch (error) {
      this.#fail(side, namesOf(set), round + 1, error);
      return null;
    }
  }

  /** Test after test, each on all sides; a lab is taken down after its last one. */
  async #set(set: BenchSet, labs: readonly OpenLab[], round: number): Promise<void> {
    const [first] = set.cases;
    let begun = first === undefined ? [] : await this.#begin(first, labs, round);
    for (const [index, test] of set.cases.entries()) {
      const next = set.cases[index + 1];
      // Ahead of time, so that flows of the next test grow old while this one is measured.
      const following = next === undefined ? [] : await this.#begin(next, labs, round);
      for (const { open, run } of begun) {
        if (run !== null) await this.#measure(open, test, run, round);
        if (next === undefined) await this.#close(open, round);
      }
      begun = following;
    }
  }

  async #begin(test: BenchCase, labs: readonly OpenLab[], round: number): Promise<Begun[]> {
    const begun: Begun[] = [];
    for (const open of labs) {
      const run = await test.begin(open.bench).catch((error: unknown) => {
        this.#fail(open.side, test.name, round + 1, error);
        return null;
      });
      begun.push({ open, run });
    }
    return begun;
  }

  async #runOn(open: OpenLab, test: BenchCase, run: Run): Promise<Figures> {
    if (!test.offloads) await open.withoutOffloads();
    const figures = await run();
    open.bench.side.check();
    return figures;
  }

  async #measure(open: OpenLab, test: BenchCase, run: Run, round: number): Promise<void> {
    const { side } = open;
    const begun = performance.now();
    try {
      const figures = await this.#runOn(open, test, run);
      this.#keep(test.name, side, figures);
      const shown = Object.entries(figures).map(([name, value]) => `${name} ${+value.toFixed(2)}`);
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      this.#say(`round ${round + 1}  ${test.name}  ${side}: ${shown.join(', ')} (${took} s)`);
    } catch (error) {
      this.#fail(side, test.name, round + 1, error);
    }
  }

  async #close(open: OpenLab, round: number): Promise<void> {
    try {
      await this.#settingUp(() => open.close());
    } catch (error) {
      this.#fail(open.side, namesOf(open.set), round + 1, error);
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

  #fail(side: SideName, test: string, round: number, error: unknown): void {
    const message = messageOf(error);
    this.#failures.push({ side, test, round, message });
    const when = round === 0 ? 'before the first round' : `round ${round}`;
    this.#say(`FAILED, ${when}: ${test}, ${side}: ${message}`);
  }
}

function namesOf(set: BenchSet): string {
  return set.cases.map(({ name }) => name).join('+');
}
