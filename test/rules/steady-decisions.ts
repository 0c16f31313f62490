/** Every match and target there is, each with a rule, and whether it lets a flow go without the rules. */
import assert from 'node:assert/strict';
import type { Family, Rule, TableName } from '../../src/rules/model.ts';
import { loadBoth } from './sets-support.ts';
import { block } from './support.ts';

/** The sets that the rules ask. */
export const sets = `
create plain hash:ip
create ended hash:ip timeout 60
create counted hash:ip counters
create station hash:mac
create group list:set
add group plain
create timed-group list:set
add timed-group ended
`;

/**
 * A section begins with `# FAMILY TABLE CHAIN`; then a rule a line, with + for steady and - for not.
 * What is asked of a line is the match (or target) that is named in front.
 */
const decisions = `
# 4 filter INPUT
addrtype + -m addrtype --src-type LOCAL ! --dst-type BROADCAST
ah - -p ah -m ah --ahspi 1:10
bpf - -m bpf --bytecode "1,6 0 0 1"
cgroup + -m cgroup --cgroup 1
cluster + -m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1
comment + -m comment --comment x
connbytes - -m connbytes --connbytes 1 --connbytes-mode packets --connbytes-dir both
connlabel + -m connlabel --label 1
connlabel + -m connlabel --label 1 --set
connlimit - -m connlimit --connlimit-above 3
connmark + -m connmark --mark 1
conntrack + -m conntrack --ctstate ESTABLISHED,RELATED,SNAT
conntrack + -m conntrack --ctstatus ASSURED --ctdir REPLY --ctproto tcp
conntrack + -m conntrack --ctorigsrc 10.0.0.0/8 --ctrepldstport 80
conntrack - -m conntrack --ctexpire 1:100
conntrack - -m conntrack --ctstate NEW --ctexpire 1
cpu + -m cpu --cpu 0
dccp - -p dccp -m dccp --dport 1
devgroup + -m devgroup --src-group 1
dscp - -m dscp --dscp 1
ecn - -m ecn --ecn-ip-ect 1
ecn - -p tcp -m ecn --ecn-tcp-ece
esp - -p esp -m esp --espspi 1
hashlimit - -m hashlimit --hashlimit-upto 1/s --hashlimit-name a
helper + -m helper --helper ftp
icmp + -p icmp -m icmp --icmp-type echo-request
iprange + -m iprange --src-range 10.0.0.1-10.0.0.9
ipvs + -m ipvs --ipvs
length - -m length --length 1:100
limit - -m limit --limit 1/s
mac - -m mac --mac-source 02:00:00:00:00:01
mark + -m mark --mark 1
multiport + -p tcp -m multiport --ports 1,2:3
nfacct + -m nfacct --nfacct-name a
osf + -p tcp -m osf --genre Linux
physdev + -m physdev --physdev-in eth0
pkttype + -m pkttype --pkt-type broadcast
policy + -m policy --dir in --pol ipsec
quota - -m quota --quota 100
rateest + -m rateest --rateest a --rateest-lt --rateest-bps 1kbit
realm + -m realm --realm 1
recent - -m recent --rcheck --name a
recent - -m recent --set --name a
sctp - -p sctp -m sctp --dport 1
set + -m set --match-set plain src
set + -m set ! --match-set group src
set - -m set --match-set ended src
set - -m set --match-set timed-group src
set - -m set --match-set counted src
set + -m set --match-set counted src ! --update-counters
set - -m set --match-set counted src ! --update-counters --packets-gt 3
set - -m set --match-set station src
socket + -m socket
state + -m state --state NEW
statistic - -m statistic --mode random --probability 0.5
statistic - -m statistic --mode nth --every 2 --packet 0
string - -m string --algo bm --string a
tcp + -p tcp -m tcp --sport 1:2 ! --dport 3
tcp + -p tcp -m tcp --syn
tcp + -p tcp -m tcp ! --syn
tcp + -p tcp -m tcp --tcp-flags SYN,FIN,RST,ACK,URG ACK
tcp - -p tcp -m tcp --tcp-flags PSH PSH
tcp - -p tcp -m tcp --tcp-flags PSH NONE
tcp - -p tcp -m tcp --tcp-flags ALL ACK
tcp - -p tcp -m tcp --tcp-flags ALL ACK,PSH
tcp + -p tcp -m tcp --tcp-flags ALL NONE
tcp + -p tcp -m tcp --tcp-flags ALL ALL
tcp + -p tcp -m tcp --tcp-flags ALL FIN,PSH,URG
tcp + -p tcp -m tcp ! --tcp-flags ALL NONE
tcp + -p tcp -m tcp --tcp-flags PSH PSH,SYN
tcp - -p tcp -m tcp --tcp-option 8
tcp - -p tcp -m tcp --dport 1 --tcp-option 8
tcpmss - -p tcp -m tcpmss --mss 1
time - -m time --timestart 10:00
tos - -m tos --tos 8
ttl - -m ttl --ttl-eq 1
u32 - -m u32 --u32 "0=0"
udp + -p udp -m udp --dport 1
# 4 mangle PREROUTING
rpfilter + -m rpfilter
rpfilter + -m rpfilter --loose --accept-local --invert
# 4 filter OUTPUT
owner - -m owner --uid-owner 0
# 6 filter INPUT
ah + -m ah --ahspi 1
dst + -m dst --dst-len 8
eui64 - -m eui64
frag + -m frag --fragid 1
hbh + -m hbh --hbh-opts 5
hl - -m hl --hl-eq 1
icmp6 + -p ipv6-icmp -m icmp6 --icmpv6-type echo-request
ipv6header + -m ipv6header --header hop --soft
mh - -p mh -m mh --mh-type bu
rt + -m rt --rt-type 0
# 4 mangle FORWARD
AUDIT - -j AUDIT --type accept
CHECKSUM - -j CHECKSUM --checksum-fill
CLASSIFY + -j CLASSIFY --set-class 1:1
CONNMARK + -j CONNMARK --set-mark 1
CONNMARK + -j CONNMARK --restore-mark
CONNMARK + -j CONNMARK --save-mark
CONNSECMARK + -j CONNSECMARK --save
DSCP - -j DSCP --set-dscp 1
ECN - -p tcp -j ECN --ecn-tcp-remove
HMARK - -j HMARK --hmark-tuple src --hmark-mod 2 --hmark-rnd 1
IDLETIMER - -j IDLETIMER --timeout 5 --label a
LED - -j LED --led-trigger-id a
LOG - -j LOG
MARK + -j MARK --xor-mark 1
NFLOG - -j NFLOG
NFQUEUE + -j NFQUEUE --queue-bypass
NFQUEUE - -j NFQUEUE
QUEUE - -j QUEUE
RATEEST - -j RATEEST --rateest-name a --rateest-interval 250ms --rateest-ewmalog 500ms
SECMARK + -j SECMARK --selctx a
SET - -j SET --add-set plain src
SET - -j SET --map-set plain src --map-mark
SYNPROXY - -p tcp -j SYNPROXY
TCPMSS - -p tcp --syn -j TCPMSS --set-mss 1000
TCPOPTSTRIP - -p tcp -j TCPOPTSTRIP --strip-options 8
TEE - -j TEE --gateway 10.0.0.1
TOS - -j TOS --set-tos 8
TTL - -j TTL --ttl-set 64
ULOG - -j ULOG
# 4 mangle PREROUTING
TPROXY - -p tcp -j TPROXY --on-port 1
# 4 filter INPUT
CLUSTERIP - -d 10.0.0.1 -i eth0 -j CLUSTERIP
REJECT - -j REJECT
# 4 raw PREROUTING
CT + -j CT --helper ftp -p tcp
CT + -j CT --zone 1
CT - -j CT --notrack
NOTRACK - -j NOTRACK
TRACE - -j TRACE
# 4 nat PREROUTING
DNAT - -j DNAT --to-destination 10.0.0.1
NETMAP - -j NETMAP --to 10.0.0.0/24
REDIRECT - -j REDIRECT
# 4 nat POSTROUTING
MASQUERADE - -j MASQUERADE
SNAT - -j SNAT --to-source 10.0.0.1
# 6 filter INPUT
REJECT - -j REJECT
# 6 mangle PREROUTING
DNPT - -j DNPT --src-pfx fd00::/64 --dst-pfx fd01::/64
HL - -j HL --hl-set 64
TPROXY - -p tcp -j TPROXY --on-port 1
# 6 mangle POSTROUTING
SNPT - -j SNPT --src-pfx fd00::/64 --dst-pfx fd01::/64
`;

export interface Decision {
  readonly family: Family;
  readonly name: string;
  readonly table: TableName;
  readonly chain: string;
  readonly steady: boolean;
  readonly rule: string;
}

export const all: readonly Decision[] = decisions
  .split('# ')
  .slice(1)
  .flatMap((section) => {
    const [head = '', ...lines] = section.trimEnd().split('\n');
    const [family, table, chain] = head.split(' ') as [string, TableName, string];
    return lines.map((line) => {
      const [, name = '', sign, rule = ''] = /^(\S+) ([+-]) (.*)$/.exec(line) ?? [];
      return { family: Number(family) as Family, name, table, chain, steady: sign === '+', rule };
    });
  });

/** The rule as a file of its own. */
export const textOf = ({ table, chain, rule }: Decision) => block(table, `-A ${chain} ${rule}`);

export function loaded(decision: Decision): Rule {
  const { family } = decision;
  const text = textOf(decision);
  const { ruleSet, errors } = loadBoth(sets, text, { family, helpers: ['ftp'] });
  assert.ok(ruleSet, errors[0]?.format());
  const tables = ruleSet.allTables();
  return tables.flatMap((t) => [...t.chains.values()]).flatMap((c) => c.rules)[0]!;
}
