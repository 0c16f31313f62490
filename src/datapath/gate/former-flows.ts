import { adoptFlow, adoptWindows, type Engine } from '../../engine/index.ts';
import { Proto } from '../../wire/index.ts';
import { type FlowMemory, FlowMemoryError, flowsOf, SEEN_WORDS, sidesOf } from './flows/index.ts';
import { type Bpf, FormerMaps } from './sys/index.ts';

/**
 * What a former process has left at work in the kernel: its connections are entered into the tracker
 * while its programs still forward them. Then the new programs take the place of the old ones, and
 * the next packet of each flow comes to the engine, which decides it by the rules of now.
 */
export class LeftBehind {
  private readonly maps: FormerMaps;
  private readonly memory: FlowMemory;
  private readonly log: (line: string) => void;
  /** Of TCP connections: row of the tracker by unit of the memory. */
  private readonly tcpRows = new Map<number, number>();

  private constructor(maps: FormerMaps, log: (line: string) => void) {
    this.maps = maps;
    const { config, flows, buckets, hops } = maps;
    this.memory = {
      config: config.words,
      flows: flows.words,
      buckets: buckets.words,
      hops: hops.words,
    };
    this.log = log;
  }

  /** Null where no program of ours stands at a hook. */
  static find(
    bpf: Bpf,
    programIds: readonly number[],
    log: (line: string) => void,
  ): LeftBehind | null {
    const maps = FormerMaps.of(bpf, programIds);
    return maps === null ? null : new LeftBehind(maps, log);
  }

  /** Enters the connections. Returns how many. */
  adopt(engine: Engine): number {
    let adopted = 0;
    try {
      for (const flow of flowsOf(this.memory)) {
        const isTcp = flow.original.protocol === Proto.Tcp;
        const isAnswered = flow.directions[1] || isTcp;
        const row = adoptFlow(engine, { ...flow, isAnswered });
        if (row < 0) continue;
        adopted++;
        // Of others the engine finds out from their next packets, as of one picked up mid-stream.
        if (isTcp && !flow.isKept) this.tcpRows.set(flow.unit, row);
      }
    } catch (error) {
      if (!(error instanceof FlowMemoryError)) throw error;
      this.log(`gate: flows of a former process cannot be taken over: ${error.message}`);
    }
    return adopted;
  }

  /** The old programs are gone: what they saw to the last. The memory is let go of. */
  finish(engine: Engine): void {
    const sides = new Int32Array(SEEN_WORDS);
    for (const [unit, row] of this.tcpRows) {
      const spoke = sidesOf(this.memory, unit, sides);
      adoptWindows(engine, row, sides, spoke);
    }
    this.maps.close();
  }
}
