import type { EngineSettings } from '../../../engine/index.ts';
import type { RuleSet } from '../../../rules/index.ts';
import type { Output } from '../../output.ts';
import type { ReplayOptions } from '../options.ts';
import { openReader } from '../start.ts';
import { differenceOf } from './difference.ts';
import { FrameTap } from './frame-tap.ts';
import {
  type ComparisonReporter,
  emptyTotals,
  JsonComparison,
  TextComparison,
} from './reporters.ts';
import { Side } from './side.ts';

/** Exit codes of diff(1); trouble is 2. */
const SAME = 0;
const DIFFERENT = 1;

/** The kernel's twin and the hardened helper over one capture. */
export class Comparison {
  private readonly tap: FrameTap;
  private readonly kernel: Side;
  private readonly hardened: Side;
  private readonly reporter: ComparisonReporter;
  private readonly output: Output;
  private readonly totals = emptyTotals();

  /** Throws CommandError where the capture cannot be opened. */
  constructor(options: ReplayOptions, settings: EngineSettings, ruleSet: RuleSet, output: Output) {
    const { write } = output;
    this.output = output;
    this.reporter = options.json ? new JsonComparison(write) : new TextComparison(write);
    this.tap = new FrameTap(openReader(options.read));
    this.kernel = new Side('kernel', this.tap.first, options, settings, ruleSet);
    this.hardened = new Side('hardened', this.tap.second, options, settings, ruleSet);
  }

  get exitCode(): number {
    return this.totals.differing === 0 ? SAME : DIFFERENT;
  }

  /** Returns a word about a file cut short, '' where it was whole. */
  run(): string {
    const { kernel, hardened, totals, output } = this;
    // Where nobody reads on, a difference has been written: there is nothing more to be found out.
    while (!output.closed && kernel.next() && hardened.next()) this.compare();
    totals.opened.kernel = kernel.holes.opened;
    totals.opened.hardened = hardened.holes.opened;
    this.reporter.summary(totals);
    return this.tap.first.truncation;
  }

  private compare(): void {
    const { kernel, hardened, totals } = this;
    totals.packets++;
    const difference = differenceOf(kernel, hardened);
    for (const { reason } of hardened.refusals) {
      totals.refused[reason] = (totals.refused[reason] ?? 0) + 1;
      if (difference === null) totals.refusedWithoutEffect++;
    }
    if (difference === null) return;
    totals.differing++;
    for (const aspect of difference.differs) totals.byAspect[aspect]++;
    this.reporter.difference(difference);
  }
}
