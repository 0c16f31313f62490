/** What a gateway may change on its host, as text that can be compared. */
import { type Lab, mustRunIn } from './harness.ts';

const script = `
for dev in lan0 wan0; do
  tc qdisc show dev $dev
  tc filter show dev $dev ingress
  tc filter show dev $dev egress
  ethtool -k $dev
done
ip -d link
ip address
ip route show table all
ip -6 route show table all
iptables-legacy-save
ip6tables-legacy-save
sysctl -a --pattern '^net\\.' 2>/dev/null`;

/** Counters, and times that run by themselves. */
const moving = /nf_conntrack_count|^#|\[\d+:\d+\]$/;

/** Qdiscs, filters, offloads, links, addresses, routes, kernel rules and the net.* settings. */
export async function hostState(lab: Lab): Promise<string> {
  const text = await mustRunIn(lab, 'gateway', ['sh', '-c', script]);
  const lines = text.split('\n').filter((line) => !moving.test(line));
  return lines.map((line) => line.replace(/ expires \d+sec/, '')).join('\n');
}
