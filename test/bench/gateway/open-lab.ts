/** Labs that stand until they are closed, each with a side running in it. */
import { withLab } from '../../live/harness.ts';
import type { Bench, BenchSet } from './cases.ts';
import { prepareLab, switchOffloadsOff } from './prepare-lab.ts';
import { benchRules } from './rules.ts';
import { type SideName, startSide } from './sides.ts';

export class CannotStart extends Error {}

export interface OpenLab {
  readonly set: BenchSet;
  readonly side: SideName;
  readonly bench: Bench;
  /** Nothing where they are off already. */
  withoutOffloads(): Promise<void>;
  /** Ends the side and takes the lab down. Throws where the side had ended on its own. */
  close(): Promise<void>;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A fresh lab with a side that has just been started. Throws CannotStart where the side is not there. */
export function openLab(set: BenchSet, name: SideName, seconds: number): Promise<OpenLab> {
  return new Promise((resolve, reject) => {
    // Without it the promise of the lab would be gone when the caller has what it asked for.
    let whole: Promise<void>;
    const stand = async (bench: Bench) => {
      let offloads = true;
      await new Promise<void>((release) => {
        resolve({
          set,
          side: name,
          bench,
          withoutOffloads: async () => {
            if (offloads) await switchOffloadsOff(bench.lab);
            offloads = false;
          },
          close: () => {
            release();
            return whole;
          },
        });
      });
      await bench.side.stop();
    };
    whole = withLab(`bench-${set.name}-${name}`, { ftpd: false }, async (lab) => {
      await prepareLab(lab);
      const request = { rules: benchRules(set.rulesBefore), connections: set.connections };
      const side = await startSide(name, lab, request).catch((error: unknown) => {
        throw new CannotStart(messageOf(error), { cause: error });
      });
      await stand({ lab, side, seconds });
    });
    // Before it stands that is what the caller hears; afterwards `close` says it.
    whole.catch(reject);
  });
}
