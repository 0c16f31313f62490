import type { CommandRunner, HostChange } from '../../host/index.ts';
import type { Bpf } from './bpf.ts';

/**
 * What is done to interfaces, as commands of iproute2 and ethtool: whoever runs them through
 * `HostChanges` has the way back on disk.
 */

export type Hook = 'ingress' | 'egress';

export const PUNT0 = 'punt0';
export const PUNT1 = 'punt1';

/** The most that veth takes: frames of every managed interface fit, and what is not cut yet. */
const PUNT_MTU = '65535';
/**
 * Our filters: early, but behind those of the capture datapath (1 and 2), so that it can be taken over
 * from without a gap. A filter's handle is a number of ours, for its exact removal.
 */
const KEY = ['pref', '3', 'handle', '1', 'protocol', 'all', 'bpf'] as const;
/** Names of our programs in the kernel: see `loadPrograms`. */
const OUR_PROGRAMS = 'ph_';

/** Makes the punt pair in this network namespace. Undone, all that was set there is gone with it. */
export function puntPair(): HostChange {
  const pair = [PUNT0, 'mtu', PUNT_MTU, 'type', 'veth', 'peer', 'name', PUNT1, 'mtu', PUNT_MTU];
  return {
    what: `the pair ${PUNT0} and ${PUNT1}`,
    device: PUNT0,
    run: ['ip', 'link', 'add', ...pair],
    again: ['ip', 'link', 'set', 'dev', PUNT0, 'mtu', PUNT_MTU],
    undo: ['ip', 'link', 'del', 'dev', PUNT0],
  };
}

/**
 * What to run on the pair, in this order, as often as one likes. No ARP, no groups joined and no
 * IPv6 address, so that the kernel says nothing there by itself. Without these three offloads on
 * punt0 the kernel cuts super-frames and completes checksums before punt1 sees them. `hasIpv6`:
 * whether the kernel has IPv6 (/proc/sys/net/ipv6 is there): one that has not knows no such mode.
 */
export function puntPairSettings(hasIpv6: boolean): (readonly string[])[] {
  const addresses = hasIpv6 ? ['addrgenmode', 'none'] : [];
  const quiet = ['arp', 'off', 'multicast', 'off', ...addresses];
  return [
    ['ip', 'link', 'set', 'dev', PUNT0, ...quiet],
    ['ip', 'link', 'set', 'dev', PUNT1, ...quiet],
    ['ethtool', '-K', PUNT0, 'tx', 'off', 'tso', 'off', 'gso', 'off'],
    ['ip', 'link', 'set', 'dev', PUNT0, 'up'],
    ['ip', 'link', 'set', 'dev', PUNT1, 'up'],
  ];
}

/** Whether filters can be added at a device's ingress and egress already. */
export function hasClsact(run: CommandRunner, device: string): boolean {
  return run(['tc', 'qdisc', 'show', 'dev', device]).includes('qdisc clsact ');
}

/** Whether the old qdisc with the one hook `ingress` is in the place of clsact. */
export function hasIngressQdisc(run: CommandRunner, device: string): boolean {
  return run(['tc', 'qdisc', 'show', 'dev', device]).includes('qdisc ingress ');
}

/** Makes room for filters; only where `hasClsact` says no, or somebody else's would go with it. */
export function addClsact(device: string): HostChange {
  return {
    what: `clsact on ${device}`,
    device,
    run: ['tc', 'qdisc', 'add', 'dev', device, 'clsact'],
    again: ['tc', 'qdisc', 'replace', 'dev', device, 'clsact'],
    undo: ['tc', 'qdisc', 'del', 'dev', device, 'clsact'],
    // Filters of others that came later would go with it.
    unless: ['ingress', 'egress'].map((hook) => ['tc', 'filter', 'show', 'dev', device, hook]),
  };
}

/** Puts a pinned program at a hook; `again` puts it in the place of an earlier one of ours. */
export function attachProgram(device: string, hook: Hook, pinnedAt: string): HostChange {
  const where = ['dev', device, hook, ...KEY];
  const program = ['direct-action', 'object-pinned', pinnedAt];
  return {
    what: `the gate at ${hook} of ${device}`,
    device,
    run: ['tc', 'filter', 'add', ...where, ...program],
    again: ['tc', 'filter', 'replace', ...where, ...program],
    undo: ['tc', 'filter', 'del', ...where],
  };
}

interface ShownFilter {
  readonly kind?: string;
  readonly pref?: number;
  readonly options?: {
    readonly bpf_name?: string;
    readonly prog?: { readonly name?: string };
  };
}

/**
 * Filters at a hook that are not the gate's, each in a few words; none where the hook has no qdisc.
 * `text` is what `filterQuery` printed.
 */
export function foreignFilters(text: string): string[] {
  const shown = text.trim() === '' ? [] : (JSON.parse(text) as ShownFilter[]);
  return shown
    .filter(({ options }) => options !== undefined)
    .filter(({ options }) => !(options?.prog?.name ?? '').startsWith(OUR_PROGRAMS))
    .map(({ kind, pref, options }) => {
      const name = options?.prog?.name ?? options?.bpf_name ?? '';
      return `${kind ?? 'unknown'} filter${name === '' ? '' : ` ${name}`} at pref ${pref ?? 0}`;
    });
}

/** Prints the filters at a hook, for `foreignFilters`. */
export function filterQuery(device: string, hook: Hook): readonly string[] {
  return ['tc', '-j', 'filter', 'show', 'dev', device, hook];
}

/** Programs attached by tcx, which run before all filters: each in a few words. */
export function tcxPrograms(bpf: Bpf, ifindex: number, hook: Hook): string[] {
  return bpf.tcxPrograms(ifindex, hook).map((id) => {
    const fd = bpf.programById(id);
    if (fd < 0) return `tcx program ${id}`;
    try {
      return `tcx program ${bpf.programInfo(fd).name} (${id})`;
    } finally {
      bpf.close(fd);
    }
  });
}
