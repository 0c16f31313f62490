/** Makes one end of a lab deaf for a while, so that what was sent has to be sent again. */
import { type Lab, mustRunIn, type Place } from './harness.ts';

/**
 * While `fn` runs, no IPv4 packet gets in at `place` (client or server). The drop stands behind the
 * wire: the gateway has sent the packet on.
 */
export async function whileDeaf<T>(lab: Lab, place: Place, fn: () => Promise<T>): Promise<T> {
  await mustRunIn(lab, place, ['tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact']);
  try {
    const where = ['tc', 'filter', 'add', 'dev', 'eth0', 'ingress', 'protocol', 'ip'];
    // One instruction of classic BPF: return TC_ACT_SHOT.
    await mustRunIn(lab, place, [...where, 'bpf', 'bytecode', '1,6 0 0 2', 'direct-action']);
    return await fn();
  } finally {
    await mustRunIn(lab, place, ['tc', 'qdisc', 'del', 'dev', 'eth0', 'clsact']);
  }
}
