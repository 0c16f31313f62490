/**
 * The kernel as the oracle of rules: a gateway namespace with iptables-legacy, and an agent that
 * sends frames into it from both sides and collects what comes out.
 */
import { type Lab, mustRunIn, type RunResult, runIn } from '../harness.ts';
import { AgentProcess } from './agent-process.ts';
import { forgetTraffic, prepareGateway } from './prepare.ts';
import type { FamilyNumber, Side } from './words.ts';

/** Frames that arrived at each side, in order. */
export type Arrivals = Readonly<Record<Side, readonly Uint8Array[]>>;

const programs = { 4: 'iptables-legacy', 6: 'ip6tables-legacy' } as const;
const hooksOf: Readonly<Record<string, string>> = {
  raw: 'PREROUTING OUTPUT',
  mangle: 'PREROUTING INPUT FORWARD OUTPUT POSTROUTING',
  nat: 'PREROUTING INPUT OUTPUT POSTROUTING',
  filter: 'INPUT FORWARD OUTPUT',
  security: 'INPUT FORWARD OUTPUT',
};
/** All tables without rules. Policies are named: a table that is merely emptied keeps its own. */
const nothing = Object.entries(hooksOf)
  .map(([table, hooks]) => {
    const chains = hooks.split(' ').map((hook) => `:${hook} ACCEPT [0:0]\n`);
    return `*${table}\n${chains.join('')}COMMIT\n`;
  })
  .join('');

export class KernelOracle {
  private readonly lab: Lab;
  private readonly agent: AgentProcess;
  private hasSets = false;
  /** The family that has rules. */
  private family: FamilyNumber = 4;

  private constructor(lab: Lab, agent: AgentProcess) {
    this.lab = lab;
    this.agent = agent;
  }

  static async open(lab: Lab): Promise<KernelOracle> {
    await prepareGateway(lab);
    return new KernelOracle(lab, await AgentProcess.open(lab, 'agent.py'));
  }

  close(): void {
    this.agent.close();
  }

  /**
   * Puts sets and rules of a family in force and forgets all connections. Returns the complaint of
   * iptables or ipset, '' for none.
   */
  async load(family: FamilyNumber, rules: string, sets = ''): Promise<string> {
    if (family !== this.family) await this.restore(this.family, nothing);
    this.family = family;
    if (sets !== '' || this.hasSets) {
      await this.restore(family, nothing);
      const complaint = await this.loadSets(sets);
      if (complaint !== '') return complaint;
    }
    const loaded = await this.restore(family, nothing + rules);
    await this.forget();
    return loaded.code === 0 ? '' : loaded.stderr;
  }

  /** Forgets all connections. */
  async forget(): Promise<void> {
    await forgetTraffic(this.lab);
  }

  /** Rules with their counters. */
  async save(family: FamilyNumber): Promise<string> {
    return mustRunIn(this.lab, 'gateway', [`${programs[family]}-save`, '-c']);
  }

  async exchange(side: Side, frame: Uint8Array): Promise<Arrivals> {
    const question = { side, frame: Buffer.from(frame).toString('hex') };
    const answer = await this.agent.ask<Record<Side, string[]>>(question);
    const bytes = (texts: string[]) =>
      texts.map((text) => Uint8Array.from(Buffer.from(text, 'hex')));
    return { lan: bytes(answer.lan), wan: bytes(answer.wan) };
  }

  private restore(family: FamilyNumber, input: string): Promise<RunResult> {
    return runIn(this.lab, 'gateway', [`${programs[family]}-restore`], { input });
  }

  private async loadSets(sets: string): Promise<string> {
    if (this.hasSets) {
      // Emptied first: what a list of sets names cannot be destroyed.
      await mustRunIn(this.lab, 'gateway', ['ipset', 'flush']);
      await mustRunIn(this.lab, 'gateway', ['ipset', 'destroy']);
    }
    this.hasSets = sets !== '';
    if (!this.hasSets) return '';
    const made = await runIn(this.lab, 'gateway', ['ipset', 'restore'], { input: sets });
    return made.code === 0 ? '' : made.stderr;
  }
}
