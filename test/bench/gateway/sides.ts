/** What can stand between client and server: plain routing, the kernel's firewall, Pinhole. */

import { Daemon, ruleFile } from '../../live/daemon.ts';
import { type Lab, mustRunIn, pinholeMain, run } from '../../live/harness.ts';
import { kernelMemory, type MemoryReading, processMemory } from './memory.ts';
import { allowKernelConnections } from './prepare-lab.ts';

export const sideNames = ['kernel', 'gate', 'capture', 'routing'] as const;
export type SideName = (typeof sideNames)[number];

export interface SideRequest {
  /** iptables-save text. */
  readonly rules: string;
  /** Connections that it has to hold at once; null: its own default. */
  readonly connections: number | null;
}

export interface RunningSide {
  /** Whether it has connections at all. */
  readonly tracks: boolean;
  /** null where nothing is tracked. */
  connections(): Promise<number | null>;
  memory(): MemoryReading | null;
  /** Throws where it has ended on its own. */
  check(): void;
  /** As `check`, and ends it. */
  stop(): Promise<void>;
}

/** Nothing but forwarding: what the ends and the lab can do. */
async function startRouting(): Promise<RunningSide> {
  return {
    tracks: false,
    connections: async () => null,
    memory: () => null,
    check: () => {},
    stop: async () => {},
  };
}

async function startKernel(lab: Lab, { rules, connections }: SideRequest): Promise<RunningSide> {
  if (connections !== null) {
    allowKernelConnections(connections);
    const setting = `net.netfilter.nf_conntrack_max=${connections}`;
    await mustRunIn(lab, 'gateway', ['sysctl', '-qw', setting]);
  }
  await mustRunIn(lab, 'gateway', ['iptables-legacy-restore'], { input: rules });
  return {
    tracks: true,
    connections: async () => Number(await mustRunIn(lab, 'gateway', ['conntrack', '-C'])),
    memory: kernelMemory,
    check: () => {},
    stop: async () => {},
  };
}

let help: Promise<string> | undefined;

/** A build without the option has `capture` and nothing else. */
async function datapathArguments(name: 'gate' | 'capture'): Promise<string[]> {
  help ??= run(['node', pinholeMain, 'run', '--help']).then(({ stdout }) => stdout);
  if ((await help).includes('--datapath')) return ['--datapath', name];
  if (name === 'capture') return [];
  throw new Error('this build of Pinhole has no option --datapath');
}

async function startPinhole(
  name: 'gate' | 'capture',
  lab: Lab,
  { rules, connections }: SideRequest,
): Promise<RunningSide> {
  const args = await datapathArguments(name);
  if (connections !== null) args.push('--conntrack-max', String(connections));
  const daemon = await Daemon.start(lab, [ruleFile(lab, rules)], { arguments: args });
  const check = () => {
    if (!daemon.isRunning()) throw new Error(`pinhole ended on its own\n${daemon.log()}`);
  };
  return {
    tracks: true,
    connections: async () => {
      const ask = daemon.ask((client) => client.request('conntrack.count', {}).done);
      return (await ask).count;
    },
    memory: () => {
      const reading = processMemory(daemon.pid);
      if (name === 'gate' && reading.reserved === 0)
        throw new Error('the maps of the gate are not found');
      return reading;
    },
    check,
    stop: async () => {
      check();
      await daemon.stop();
    },
  };
}

/** Resolves when the rules are in force. Rejects, with the reason, where it cannot run here. */
export function startSide(name: SideName, lab: Lab, request: SideRequest): Promise<RunningSide> {
  switch (name) {
    case 'routing':
      return startRouting();
    case 'kernel':
      return startKernel(lab, request);
    case 'gate':
    case 'capture':
      return startPinhole(name, lab, request);
  }
}
