import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandRunner,
  DatapathUnavailable,
  failureText,
  type HostChange,
  type HostChanges,
} from '../host/index.ts';
import type { OnExit } from '../live.ts';
import { type LinkJson, parseIpJson } from '../routes/index.ts';
import type { KernelPart } from './kernel-part.ts';
import {
  addClsact,
  attachProgram,
  filterQuery,
  foreignFilters,
  type Hook,
  hasClsact,
  hasIngressQdisc,
  type ProgramName,
  PUNT0,
  PUNT1,
  puntPair,
  puntPairSettings,
  tcxPrograms,
} from './sys/index.ts';

const LOOPBACK = 'lo';

export interface HooksParts {
  readonly changes: HostChanges;
  readonly kernel: KernelPart;
  readonly onExit: OnExit | null;
  readonly runDir: string;
  readonly run: CommandRunner;
  readonly log: (line: string) => void;
}

/** Kernel indexes of the punt pair. */
export interface PairIndexes {
  readonly punt0: number;
  readonly punt1: number;
}

/**
 * Where the gate's programs sit on the host. Every change goes through `HostChanges`. Throws
 * `DatapathUnavailable` where the host refuses.
 */
export class Hooks {
  /** What is changed beside the managed interfaces. */
  readonly devices = [PUNT0, PUNT1, LOOPBACK] as const;
  private readonly parts: HooksParts;
  private hasPair = false;
  private pathOf: ((program: ProgramName) => string) | null = null;

  constructor(parts: HooksParts) {
    this.parts = parts;
  }

  /** Programs can be put at hooks while `use` runs. */
  withPrograms(use: () => void): void {
    const { kernel, onExit, runDir } = this.parts;
    if (onExit === 'open') kernel.openEntries();
    kernel.withNames(join(runDir, `gate-${process.pid}`), (pathOf) => {
      this.pathOf = pathOf;
      try {
        if (!this.hasPair) {
          this.attachPair();
          this.attachLoopback();
        }
        use();
      } finally {
        this.pathOf = null;
      }
    });
  }

  /** Makes the punt pair, or takes over the one that a former process has left. */
  makePair(): PairIndexes {
    const { changes, run } = this.parts;
    const pair = puntPair();
    const isThere = this.linkIndex(PUNT0) > 0;
    if (!changes.isAdopted(pair)) for (const name of [PUNT0, PUNT1]) this.needFree(name);
    // Of a former one that is gone nothing can be set: it is made anew.
    this.apply(isThere ? pair : { ...pair, again: pair.run });
    for (const command of puntPairSettings(existsSync('/proc/sys/net/ipv6'))) {
      inWords(command, () => run(command));
    }
    return { punt0: this.linkIndex(PUNT0), punt1: this.linkIndex(PUNT1) };
  }

  /**
   * What the engine turns home of this host's own packets (answers of REJECT, DNAT to an own address)
   * comes in by `lo` with an own source, or for 127.0.0.1, which IPv4 takes for martians otherwise.
   */
  letOwnComeHome(): void {
    for (const setting of ['accept_local', 'route_localnet']) this.setOfLoopback(setting);
  }

  private setOfLoopback(setting: string): void {
    const file = `/proc/sys/net/ipv4/conf/${LOOPBACK}/${setting}`;
    const value = readFileSync(file, 'utf8').trim();
    if (value === '1') return;
    const write = (to: string): string[] => ['sh', '-c', `echo ${to} >${file}`];
    this.apply({ what: `${file} = 1`, device: LOOPBACK, run: write('1'), undo: write(value) });
  }

  /** Puts the programs at both hooks of a managed interface. */
  attachTo(link: LinkJson): void {
    const { kernel, onExit, run, log } = this.parts;
    this.makeRoom(link.ifname);
    for (const hook of ['ingress', 'egress'] as const) {
      const others = [
        ...tcxPrograms(kernel.bpf, link.ifindex, hook),
        ...foreignFilters(run(filterQuery(link.ifname, hook))),
      ];
      for (const other of others) log(`gate: ${link.ifname} ${hook}: there is also a ${other}`);
      this.attach(link.ifname, hook, onExit === 'open' ? `entry_${hook}` : hook);
    }
  }

  /** Ids of all programs at the hooks of interfaces, ours or not. */
  programIds(devices: readonly string[]): number[] {
    return devices.flatMap((device) => [
      ...this.idsAt(device, 'ingress'),
      ...this.idsAt(device, 'egress'),
    ]);
  }

  private idsAt(device: string, hook: Hook): number[] {
    try {
      const text = this.parts.run(filterQuery(device, hook));
      const shown = parseIpJson<{
        readonly options?: { readonly prog?: { readonly id?: number } };
      }>(text);
      return shown.flatMap(({ options }) => options?.prog?.id ?? []);
    } catch {
      // No such interface, or no hook on it.
      return [];
    }
  }

  private attachPair(): void {
    this.makeRoom(PUNT0);
    this.makeRoom(PUNT1);
    this.attach(PUNT0, 'ingress', 'reentry');
    this.attach(PUNT1, 'ingress', 'segments');
    this.hasPair = true;
  }

  /** Everything else passes there, and where the daemon is gone too. */
  private attachLoopback(): void {
    this.makeRoom(LOOPBACK);
    this.attach(LOOPBACK, 'egress', this.parts.onExit === 'open' ? 'entry_loopback' : 'loopback');
  }

  private needFree(name: string): void {
    if (this.linkIndex(name) === 0) return;
    throw new DatapathUnavailable(
      'interface-taken',
      `an interface ${name} is there already, and is none of a former start`,
      `remove or rename it: ip link del ${name}`,
    );
  }

  private makeRoom(device: string): void {
    const { changes, run } = this.parts;
    const clsact = addClsact(device);
    if (hasIngressQdisc(run, device)) {
      throw new DatapathUnavailable(
        'interface-taken',
        `somebody's ingress qdisc is on ${device}, where the gate's clsact has to be`,
        `remove it: tc qdisc del dev ${device} ingress`,
      );
    }
    if (!hasClsact(run, device)) this.apply(clsact);
    // Of an earlier process of ours: the way back is on the list already.
    else changes.claim(clsact);
  }

  private attach(device: string, hook: Hook, program: ProgramName): void {
    this.apply(attachProgram(device, hook, this.pathOf!(program)));
  }

  private apply(change: HostChange): void {
    inWords(change.run, () => this.parts.changes.apply(change));
  }

  private linkIndex(name: string): number {
    try {
      const text = this.parts.run(['ip', '-j', 'link', 'show', 'dev', name]);
      return parseIpJson<LinkJson>(text)[0]?.ifindex ?? 0;
    } catch {
      return 0;
    }
  }
}

function inWords(command: readonly string[], run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new DatapathUnavailable(
      'command-failed',
      `${command.join(' ')}: ${failureText(error)}`,
      'see "pinhole doctor"',
      error,
    );
  }
}
