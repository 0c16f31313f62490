import { Proto } from '../wire/index.ts';
import { addrtype } from './ext/matches/addrtype.ts';
import { ah } from './ext/matches/ah.ts';
import { ah6 } from './ext/matches/ah6.ts';
import { bpf } from './ext/matches/bpf.ts';
import { cgroup } from './ext/matches/cgroup.ts';
import { cluster } from './ext/matches/cluster.ts';
import { comment } from './ext/matches/comment.ts';
import { connbytes } from './ext/matches/connbytes.ts';
import { connlabel } from './ext/matches/connlabel.ts';
import { connlimit } from './ext/matches/connlimit.ts';
import { connmark } from './ext/matches/connmark.ts';
import { conntrack } from './ext/matches/conntrack.ts';
import { cpu } from './ext/matches/cpu.ts';
import { dccp } from './ext/matches/dccp.ts';
import { devgroup } from './ext/matches/devgroup.ts';
import { dscp } from './ext/matches/dscp.ts';
import { dst } from './ext/matches/dst.ts';
import { ecn } from './ext/matches/ecn.ts';
import { esp } from './ext/matches/esp.ts';
import { eui64 } from './ext/matches/eui64.ts';
import { frag } from './ext/matches/frag.ts';
import { hashlimit } from './ext/matches/hashlimit.ts';
import { hbh } from './ext/matches/hbh.ts';
import { helper } from './ext/matches/helper.ts';
import { hl } from './ext/matches/hl.ts';
import { icmp } from './ext/matches/icmp.ts';
import { icmp6 } from './ext/matches/icmp6.ts';
import { iprange } from './ext/matches/iprange.ts';
import { ipv6header } from './ext/matches/ipv6header.ts';
import { ipvs } from './ext/matches/ipvs.ts';
import { length } from './ext/matches/length.ts';
import { limit } from './ext/matches/limit.ts';
import { mac } from './ext/matches/mac.ts';
import { mark } from './ext/matches/mark.ts';
import { mh } from './ext/matches/mh.ts';
import { multiport } from './ext/matches/multiport.ts';
import { nfacct } from './ext/matches/nfacct.ts';
import { osf } from './ext/matches/osf.ts';
import { owner } from './ext/matches/owner.ts';
import { physdev } from './ext/matches/physdev.ts';
import { pkttype } from './ext/matches/pkttype.ts';
import { policy } from './ext/matches/policy.ts';
import { quota } from './ext/matches/quota.ts';
import { rateest } from './ext/matches/rateest.ts';
import { realm } from './ext/matches/realm.ts';
import { recent } from './ext/matches/recent.ts';
import { rpfilter } from './ext/matches/rpfilter.ts';
import { rt } from './ext/matches/rt.ts';
import { sctp } from './ext/matches/sctp.ts';
import { set } from './ext/matches/set.ts';
import { socket } from './ext/matches/socket.ts';
import { state } from './ext/matches/state.ts';
import { statistic } from './ext/matches/statistic.ts';
import { string } from './ext/matches/string.ts';
import { tcp } from './ext/matches/tcp.ts';
import { tcpmss } from './ext/matches/tcpmss.ts';
import { time } from './ext/matches/time.ts';
import { tos } from './ext/matches/tos.ts';
import { ttl } from './ext/matches/ttl.ts';
import { u32 } from './ext/matches/u32.ts';
import { udp } from './ext/matches/udp.ts';
import { checksumTarget } from './ext/targets/checksum.ts';
import { classify } from './ext/targets/classify.ts';
import { clusterip } from './ext/targets/clusterip.ts';
import { connmarkTarget } from './ext/targets/connmark.ts';
import { ct, notrack } from './ext/targets/ct.ts';
import { dnat } from './ext/targets/dnat.ts';
import { dscpTarget } from './ext/targets/dscp.ts';
import { ecnTarget } from './ext/targets/ecn.ts';
import { hmark } from './ext/targets/hmark.ts';
import { idletimer } from './ext/targets/idletimer.ts';
import { led } from './ext/targets/led.ts';
import { log } from './ext/targets/log.ts';
import { markTarget } from './ext/targets/mark.ts';
import { masquerade } from './ext/targets/masquerade.ts';
import { netmap } from './ext/targets/netmap.ts';
import { nflog } from './ext/targets/nflog.ts';
import { nfqueue, queue } from './ext/targets/nfqueue.ts';
import { dnpt, snpt } from './ext/targets/npt.ts';
import { rateestTarget } from './ext/targets/rateest.ts';
import { redirect } from './ext/targets/redirect.ts';
import { reject4, reject6 } from './ext/targets/reject.ts';
import { audit, connsecmark, secmark } from './ext/targets/security-targets.ts';
import { setTarget } from './ext/targets/set.ts';
import { snat } from './ext/targets/snat.ts';
import { synproxy } from './ext/targets/synproxy.ts';
import { tcpmssTarget } from './ext/targets/tcpmss.ts';
import { tcpoptstrip } from './ext/targets/tcpoptstrip.ts';
import { tee } from './ext/targets/tee.ts';
import { tosTarget } from './ext/targets/tos.ts';
import { tproxy4, tproxy6 } from './ext/targets/tproxy.ts';
import { trace } from './ext/targets/trace.ts';
import { hlTarget6, ttlTarget4 } from './ext/targets/ttl.ts';
import { ulog } from './ext/targets/ulog.ts';
import type { Extension, MatchExtension, TargetExtension } from './extension.ts';
import type { Family } from './model.ts';

/** All matches and targets: a new one is a file in ext/ and a line here. */

export const matches: readonly MatchExtension[] = [
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

export const targets: readonly TargetExtension[] = [
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
