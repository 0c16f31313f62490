/** The kernel's connection tracking as the oracle: a gateway namespace, frames in, entries out. */
import { type Lab, mustRunIn } from '../harness.ts';
import { AgentProcess } from '../oracle/agent-process.ts';
import { forgetTraffic, prepareGateway } from '../oracle/prepare.ts';
import type { Side } from '../oracle/words.ts';
import type { Scene } from './scenes.ts';

/** Addresses, then the protocol and its numbers. */
export type TupleTexts = readonly (string | number)[];

/** An entry as ctnetlink tells it; `protocol` are the bytes of CTA_PROTOINFO in hex. */
export interface KernelEntry {
  readonly orig: TupleTexts;
  readonly reply: TupleTexts;
  readonly status: number;
  readonly timeout: number;
  readonly mark: number;
  readonly origCount: readonly [number, number];
  readonly replyCount: readonly [number, number];
  readonly protocol?: readonly [number, ...string[]];
}

/** The original tuple as the agent wants it: family, protocol, source, destination, numbers. */
export type WantedTuple = readonly [number, number, string, string, number, number];

export interface Shot {
  readonly side: Side;
  readonly frame: Uint8Array;
  readonly tuple: WantedTuple;
}

/** What became of a frame: when it was sent, what came out on each side, the entry then. */
export interface Outcome {
  readonly atSec: number;
  readonly out: Readonly<Record<Side, readonly string[]>>;
  readonly entry: KernelEntry | null;
}

const CTA_PROTOINFO_SCTP = 3;

type RawOutcome = [number, string[], string[], KernelEntry | null];

const programs = { 4: 'iptables-legacy', 6: 'ip6tables-legacy' } as const;
const emptied = ['raw', 'mangle', 'nat', 'filter'].map((table) => `*${table}\nCOMMIT\n`).join('');

export class TrackingKernel {
  private readonly lab: Lab;
  private readonly agent: AgentProcess;
  /** Defaults of the settings that scenes have changed. */
  private readonly defaults = new Map<string, string>();

  private constructor(lab: Lab, agent: AgentProcess) {
    this.lab = lab;
    this.agent = agent;
  }

  static async open(lab: Lab): Promise<TrackingKernel> {
    await prepareGateway(lab);
    const kernel = new TrackingKernel(lab, await AgentProcess.open(lab, 'tracking_agent.py'));
    await kernel.restore(4, '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n');
    await kernel.set('acct', '1');
    return kernel;
  }

  close(): void {
    this.agent.close();
  }

  /** Puts a scene in force and forgets all connections. */
  async begin(scene: Scene): Promise<void> {
    for (const [name, value] of this.defaults) await this.set(name, value);
    this.defaults.clear();
    for (const [name, value] of Object.entries(scene.sysctls ?? {})) {
      const before = await mustRunIn(this.lab, 'gateway', ['cat', pathOf(name)]);
      this.defaults.set(name, before.trim());
      await this.set(name, String(value));
    }
    await this.restore(scene.family === 4 ? 6 : 4, emptied);
    await this.restore(scene.family, emptied + scene.rules);
    await forgetTraffic(this.lab);
  }

  /** Sends frames one by one; `null` is a pause of a little more than two seconds. */
  async shoot(shots: readonly (Shot | null)[]): Promise<Outcome[]> {
    const steps = shots.map((shot) =>
      shot === null ? { pause: 2.1 } : { ...shot, frame: Buffer.from(shot.frame).toString('hex') },
    );
    const answers = await this.agent.ask<RawOutcome[]>(steps);
    return answers.map(([atSec, lan, wan, entry]) => ({
      atSec,
      out: { lan, wan },
      entry: entry === null ? null : withoutTags(entry),
    }));
  }

  private async set(name: string, value: string): Promise<void> {
    await mustRunIn(this.lab, 'gateway', ['tee', pathOf(name)], { input: `${value}\n` });
  }

  private async restore(family: 4 | 6, input: string): Promise<void> {
    await mustRunIn(this.lab, 'gateway', [`${programs[family]}-restore`], { input });
  }
}

/** The tags of an SCTP association are not compared: no command tells them. */
function withoutTags(entry: KernelEntry): KernelEntry {
  if (entry.protocol === undefined || entry.protocol[0] !== CTA_PROTOINFO_SCTP) return entry;
  const [kind, state] = entry.protocol;
  return { ...entry, protocol: [kind, state!] };
}

const pathOf = (name: string) => `/proc/sys/net/netfilter/nf_conntrack_${name}`;
