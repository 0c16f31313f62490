import {
  type CommandRunner,
  DatapathUnavailable,
  failureText,
  type HostChanges,
} from '../host/index.ts';
import { familyOf, type LinkJson, parseWords } from '../routes/index.ts';
import {
  addFilter,
  deleteFilter,
  type FilterProtocol,
  filterProtocols,
  programFor,
  replaceFilter,
} from './ingress-filter.ts';
import { offloadsInUse, switchOffloads } from './offloads.ts';

/** As the list of changes names them: one that a crash left has to be found again. */
const titles: Readonly<Record<FilterProtocol, string>> = {
  ip: 'IPv4',
  ipv6: 'IPv6',
  '802.1Q': '802.1Q',
  '802.1ad': '802.1ad',
};

/**
 * What is done to one managed interface on the host: the drop behind the tap, and the offloads.
 * Every change goes through `HostChanges`, so that it is undone whatever happens.
 */
export class ManagedLink {
  readonly name: string;
  private readonly changes: HostChanges;
  private readonly run: CommandRunner;
  private readonly log: (line: string) => void;
  private ownAddresses = '';

  constructor(name: string, changes: HostChanges, run: CommandRunner, log: (line: string) => void) {
    this.name = name;
    this.changes = changes;
    this.run = run;
    this.log = log;
  }

  /** Puts the drop in force. Throws 'command-failed' with what `tc` says. */
  dropBehindTap(link: LinkJson): void {
    const own = ownIpv6(link);
    this.ownAddresses = JSON.stringify(own);
    this.makeRoom();
    for (const protocol of filterProtocols) {
      const program = programFor(protocol, own);
      this.apply(
        `ingress drop of ${titles[protocol]} on ${this.name}`,
        addFilter(this.name, protocol, program),
        deleteFilter(this.name, protocol),
        replaceFilter(this.name, protocol, program),
      );
    }
  }

  /** Own addresses may have changed: neighbour discovery for the new ones must pass. */
  followAddresses(link: LinkJson): void {
    const own = ownIpv6(link);
    const text = JSON.stringify(own);
    if (text === this.ownAddresses) return;
    try {
      for (const protocol of filterProtocols) {
        if (protocol === 'ip') continue;
        this.run(replaceFilter(this.name, protocol, programFor(protocol, own)));
      }
      this.ownAddresses = text;
    } catch (error) {
      this.log(`capture: ${this.name}: cannot renew the ingress drop: ${failureText(error)}`);
    }
  }

  /**
   * Switches offloads off, as far as the device lets them go. A device without any is no error.
   * On virtual links `gso` stays on: the tap sees the same with it and without. Where every offload
   * is off, libpcap makes the slots of its ring no longer than the MTU (by its source; not tried
   * here), and super-frames, which the other end may still hand over, would arrive cut off.
   */
  switchOffloadsOff(isVirtual: boolean): void {
    let names: string[];
    try {
      names = offloadsInUse(this.run(['ethtool', '-k', this.name]));
    } catch (error) {
      this.log(`capture: ${this.name}: offloads stay as they are: ${failureText(error)}`);
      return;
    }
    if (isVirtual) names = names.filter((name) => name !== 'gso');
    // One at a time: a device that refuses one must not keep the others.
    for (const name of names) this.switchOff(name);
    const switched = names.length === 0 ? 'none was on' : names.join(', ');
    this.log(`capture: ${this.name}: offloads switched off until the end: ${switched}`);
  }

  private switchOff(offload: string): void {
    try {
      this.changes.apply({
        what: `${offload} off on ${this.name}`,
        device: this.name,
        run: switchOffloads(this.name, [offload], false),
        undo: switchOffloads(this.name, [offload], true),
      });
    } catch (error) {
      this.log(`capture: ${this.name}: ${offload} stays on: ${failureText(error)}`);
    }
  }

  private makeRoom(): void {
    const what = `clsact on ${this.name}`;
    const run = ['tc', 'qdisc', 'add', 'dev', this.name, 'clsact'];
    const undo = ['tc', 'qdisc', 'del', 'dev', this.name, 'clsact'];
    if (!this.hasClsact()) this.apply(what, run, undo);
    // Of an earlier process of ours, with the gate perhaps: it must not be taken back under the drop.
    else this.changes.claim({ what, device: this.name, run, undo });
  }

  private hasClsact(): boolean {
    return this.run(['tc', 'qdisc', 'show', 'dev', this.name]).includes('qdisc clsact ');
  }

  private apply(
    what: string,
    run: readonly string[],
    undo: readonly string[],
    again: readonly string[] = run,
  ): void {
    try {
      this.changes.apply({ what, device: this.name, run, again, undo });
    } catch (error) {
      throw new DatapathUnavailable(
        'command-failed',
        `${run.join(' ')}: ${failureText(error)}`,
        `look at "tc filter show dev ${this.name} ingress": preferences 1, 2, 4 and 5 must be ` +
          'free, and the kernel needs sch_ingress and cls_bpf',
        error,
      );
    }
  }
}

/** Links without hardware behind them hand over whatever the sender made, offloaded or not. */
export function isVirtual(link: LinkJson): boolean {
  return link.linkinfo?.info_kind !== undefined || link.parentbus === 'virtio';
}

/** Addresses of an interface beyond the link-local ones, which the filter passes anyway. */
function ownIpv6(link: LinkJson): number[][] {
  const own: number[][] = [];
  for (const address of link.addr_info ?? []) {
    if (familyOf(address) !== 6 || address.scope === 'link') continue;
    const words = parseWords(6, address.local ?? '');
    if (words !== null) own.push(words);
  }
  return own;
}
