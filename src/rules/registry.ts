import { Proto } from '../wire/index.ts';
import { addrtype } from './ext/addrtype.ts';
import { ah } from './ext/ah.ts';
import { ah6 } from './ext/ah6.ts';
import { bpf } from './ext/bpf.ts';
import { cgroup } from './ext/cgroup.ts';
import { checksumTarget } from './ext/checksum-target.ts';
import { classify } from './ext/classify.ts';
import { cluster } from './ext/cluster.ts';
import { clusterip } from './ext/clusterip.ts';
import { comment } from './ext/comment.ts';
import { connbytes } from './ext/connbytes.ts';
import { connlabel } from './ext/connlabel.ts';
import { connlimit } from './ext/connlimit.ts';
import { connmark } from './ext/connmark.ts';
import { connmarkTarget } from './ext/connmark-target.ts';
import { conntrack } from './ext/conntrack.ts';
import { cpu } from './ext/cpu.ts';
import { ct, notrack } from './ext/ct.ts';
import { dccp } from './ext/dccp.ts';
import { devgroup } from './ext/devgroup.ts';
import { dnat } from './ext/dnat.ts';
import { dscp } from './ext/dscp.ts';
import { dscpTarget } from './ext/dscp-target.ts';
import { dst } from './ext/dst.ts';
import { ecn } from './ext/ecn.ts';
import { ecnTarget } from './ext/ecn-target.ts';
import { esp } from './ext/esp.ts';
import { eui64 } from './ext/eui64.ts';
import { frag } from './ext/frag.ts';
import { hashlimit } from './ext/hashlimit.ts';
import { hbh } from './ext/hbh.ts';
import { helper } from './ext/helper.ts';
import { hl } from './ext/hl.ts';
import { hmark } from './ext/hmark.ts';
import { icmp } from './ext/icmp.ts';
import { icmp6 } from './ext/icmp6.ts';
import { idletimer } from './ext/idletimer.ts';
import { iprange } from './ext/iprange.ts';
import { ipv6header } from './ext/ipv6header.ts';
import { ipvs } from './ext/ipvs.ts';
import { led } from './ext/led.ts';
import { length } from './ext/length.ts';
import { limit } from './ext/limit.ts';
import { log } from './ext/log.ts';
import { mac } from './ext/mac.ts';
import { mark } from './ext/mark.ts';
import { markTarget } from './ext/mark-target.ts';
import { masquerade } from './ext/masquerade.ts';
import { mh } from './ext/mh.ts';
import { multiport } from './ext/multiport.ts';
import { netmap } from './ext/netmap.ts';
import { nfacct } from './ext/nfacct.ts';
import { nflog } from './ext/nflog.ts';
import { nfqueue, queue } from './ext/nfqueue.ts';
import { dnpt, snpt } from './ext/npt.ts';
import { osf } from './ext/osf.ts';
import { owner } from './ext/owner.ts';
import { physdev } from './ext/physdev.ts';
import { pkttype } from './ext/pkttype.ts';
import { policy } from './ext/policy.ts';
import { quota } from './ext/quota.ts';
import { rateest } from './ext/rateest.ts';
import { rateestTarget } from './ext/rateest-target.ts';
import { realm } from './ext/realm.ts';
import { recent } from './ext/recent.ts';
import { redirect } from './ext/redirect.ts';
import { reject4, reject6 } from './ext/reject.ts';
import { rpfilter } from './ext/rpfilter.ts';
import { rt } from './ext/rt.ts';
import { sctp } from './ext/sctp.ts';
import { audit, connsecmark, secmark } from './ext/security-targets.ts';
import { set } from './ext/set.ts';
import { setTarget } from './ext/set-target.ts';
import { snat } from './ext/snat.ts';
import { socket } from './ext/socket.ts';
import { state } from './ext/state.ts';
import { statistic } from './ext/statistic.ts';
import { string } from './ext/string.ts';
import { synproxy } from './ext/synproxy.ts';
import { tcp } from './ext/tcp.ts';
import { tcpmss } from './ext/tcpmss.ts';
import { tcpmssTarget } from './ext/tcpmss-target.ts';
import { tcpoptstrip } from './ext/tcpoptstrip.ts';
import { tee } from './ext/tee.ts';
import { time } from './ext/time.ts';
import { tos } from './ext/tos.ts';
import { tosTarget } from './ext/tos-target.ts';
import { tproxy4, tproxy6 } from './ext/tproxy.ts';
import { trace } from './ext/trace.ts';
import { ttl } from './ext/ttl.ts';
import { hlTarget6, ttlTarget4 } from './ext/ttl-target.ts';
import { u32 } from './ext/u32.ts';
import { udp } from './ext/udp.ts';
import { ulog } from './ext/ulog.ts';
import type { Extension, MatchExtension, TargetExtension } from './extension.ts';
import type { Family } from './model.ts';

/** All matches and targets: a new one is a file in ext/ and a line here. */

const matches: readonly MatchExtension[] = [
  addrtype,
  ah,
  ah6,
  bpf,
  cgroup,
  cluster,
  comment,
  connbytes,
  connlabel,
  connlimit,
  connmark,
  conntrack,
  cpu,
  dccp,
  devgroup,
  dscp,
  dst,
  ecn,
  esp,
  eui64,
  frag,
  hashlimit,
  hbh,
  helper,
  hl,
  icmp,
  icmp6,
  iprange,
  ipv6header,
  ipvs,
  length,
  limit,
  mac,
  mark,
  mh,
  multiport,
  nfacct,
  osf,
  owner,
  physdev,
  pkttype,
  policy,
  quota,
  rateest,
  realm,
  recent,
  rpfilter,
  rt,
  sctp,
  set,
  socket,
  state,
  statistic,
  string,
  tcp,
  tcpmss,
  time,
  tos,
  ttl,
  u32,
  udp,
];

const targets: readonly TargetExtension[] = [
  audit,
  checksumTarget,
  classify,
  clusterip,
  connmarkTarget,
  connsecmark,
  ct,
  dnat,
  dnpt,
  dscpTarget,
  ecnTarget,
  hlTarget6,
  hmark,
  idletimer,
  led,
  log,
  markTarget,
  masquerade,
  netmap,
  nflog,
  nfqueue,
  notrack,
  queue,
  rateestTarget,
  redirect,
  reject4,
  reject6,
  secmark,
  setTarget,
  snat,
  snpt,
  synproxy,
  tcpmssTarget,
  tcpoptstrip,
  tee,
  tosTarget,
  tproxy4,
  tproxy6,
  trace,
  ttlTarget4,
  ulog,
];

/** Verdicts, whose names no chain can have; '' is the empty target. */
export const standardTargets: readonly string[] = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN', ''];

function find<I>(all: readonly Extension<I>[], name: string, family: Family): Extension<I> | null {
  return all.find((ext) => ext.name === name && ext.families.includes(family)) ?? null;
}

export function findMatch(name: string, family: Family): MatchExtension | null {
  // ip6tables takes -m icmpv6 for -m icmp6.
  return find(matches, name === 'icmpv6' && family === 6 ? 'icmp6' : name, family);
}

/** The match that `-p` of this protocol brings along when one of its options is used. */
export function findProtocolMatch(protocol: number, family: Family): MatchExtension | null {
  if (protocol === 0) return null;
  // To IPv6 AH is an extension header that needs no -p; by its name iptables finds it all the same.
  if (protocol === Proto.Ah && family === 6) return ah6;
  return matches.find((m) => m.protocol === protocol && m.families.includes(family)) ?? null;
}

export function findTarget(name: string, family: Family): TargetExtension | null {
  return find(targets, name, family);
}

/** True where iptables has a target of this name, so that no chain may be called so. */
export function isTargetName(name: string): boolean {
  return standardTargets.includes(name) || targets.some((target) => target.name === name);
}
