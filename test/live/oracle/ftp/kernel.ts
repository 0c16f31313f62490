/** The kernel's FTP helper as the oracle: a gateway namespace with the rules of all paths. */
import { type Lab, mustRunIn, runIn } from '../../harness.ts';
import { AgentProcess } from '../agent-process.ts';
import { prepareGateway } from '../prepare.ts';
import type { Side } from '../words.ts';
import type { KernelExpectation, Shot } from './ends.ts';
import { routesOf, rulesOf } from './paths.ts';

/** What became of a frame. */
export interface Outcome {
  readonly atSec: number;
  /** Frames in hex that came out. */
  readonly out: Readonly<Record<Side, readonly string[]>>;
  /** Of each master that was asked for. */
  readonly expectations: readonly (readonly KernelExpectation[])[];
}

type RawOutcome = [number, string[], string[], KernelExpectation[][]];

const programs = { 4: 'iptables-legacy-restore', 6: 'ip6tables-legacy-restore' } as const;
/** Fails where the kernel has no such helper. */
const attaching = '*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n';
const devices = { lan: 'lan0', wan: 'wan0' } as const;

export class FtpKernel {
  private readonly agent: AgentProcess;

  private constructor(agent: AgentProcess) {
    this.agent = agent;
  }

  /** Null where the kernel does not know the helper. */
  static async open(lab: Lab): Promise<FtpKernel | null> {
    await prepareGateway(lab);
    for (const family of [4, 6] as const) {
      const lines = routesOf(family).map(
        ([prefix, side, via]) => `route add ${prefix} via ${via} dev ${devices[side]}\n`,
      );
      await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: lines.join('') });
      const attached = await runIn(lab, 'gateway', [programs[family]], { input: attaching });
      if (attached.code !== 0) return null;
      await mustRunIn(lab, 'gateway', [programs[family]], { input: rulesOf(family) });
    }
    return new FtpKernel(await AgentProcess.open(lab, 'ftp_agent.py'));
  }

  close(): void {
    this.agent.close();
  }

  /** All connections end, and what they expect with them. */
  async forget(): Promise<void> {
    await this.agent.ask(['forget']);
  }

  /** Sends frames one by one. */
  async shoot(shots: readonly Shot[]): Promise<Outcome[]> {
    const steps = shots.map(({ side, frame, masters }) => ({
      side,
      frame: Buffer.from(frame).toString('hex'),
      masters,
    }));
    const answers = await this.agent.ask<RawOutcome[]>(steps);
    return answers.map(([atSec, lan, wan, expectations]) => ({
      atSec,
      out: { lan, wan },
      expectations,
    }));
  }
}
