/**
 * Rule lines for the comparison of texts: one or more for every match and target, under the table
 * and chain they belong to. The test changes them at random; none needs to be right.
 */
export interface RuleLine {
  readonly table: string;
  readonly chain: string;
  readonly words: readonly string[];
}

/** `*table`, `:CHAIN,CHAIN`, and below them the lines. */
const text = `
:FORWARD
*filter
-m recent --set
-m recent --name A --rcheck --seconds 60 --hitcount 3 --rttl --rdest --mask 255.255.255.0
-m recent --update --seconds 3 --reap
-m recent ! --remove --name x
-m addrtype --src-type LOCAL,UNICAST ! --dst-type BROADCAST --limit-iface-in
-m connmark ! --mark 0x1/0xff
-m mac ! --mac-source 00:11:22:33:44:55
-m hashlimit --hashlimit-above 1/day --hashlimit-name a
-m hashlimit --hashlimit-upto 512kb/s --hashlimit-burst 1mb --hashlimit-mode srcip,dstport --hashlimit-name b --hashlimit-srcmask 24
-m hashlimit --hashlimit 1/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name mini1 --hashlimit-htable-size 2000 --hashlimit-htable-max 100 --hashlimit-htable-expire 30000 --hashlimit-htable-gcinterval 10000
-m hashlimit --hashlimit-above 1/sec --hashlimit-name c --hashlimit-rate-match --hashlimit-rate-interval 3
-m connlimit --connlimit-above 3 --connlimit-mask 24 --connlimit-daddr
-m connlimit --connlimit-upto 0
-m string --string "evil \\"x" --algo bm --from 3 --to 60
-m string ! --hex-string "|41 42|cd" --algo kmp --icase
-p tcp -m tcpmss ! --mss 500:1460
-m pkttype ! --pkt-type multicast
-m time --timestart 01:02:03 --timestop 04:05:06 --monthdays 1,2,3 --weekdays Mon,Fri --datestart 2020-01-02T03:04:05 --datestop 2021-01-01 --kerneltz
-m time --timestart 23:00 --timestop 01:00 --contiguous --weekdays ! Sa
-m statistic --mode random ! --probability 0.5
-m statistic --mode nth --every 5 --packet 2
-m physdev --physdev-in eth0 --physdev-is-bridged
-m connbytes ! --connbytes 10:20 --connbytes-dir both --connbytes-mode packets
-m quota ! --quota 1000
-p sctp -m sctp --sport 1:2 ! --dport 3 --chunk-types all DATA:bE,INIT
-p sctp -m sctp ! --chunk-types any DATA,HEARTBEAT_ACK
-p esp -m esp ! --espspi 1:2
-p ah -m ah --ahspi 5
-m dscp ! --dscp 0x10
-m dscp --dscp-class EF
-m tos --tos 0x10/0x3f
-m tos ! --tos Minimize-Delay
-p tcp -m ecn ! --ecn-tcp-cwr --ecn-ip-ect 2
-m u32 --u32 "6&0xFF=1 && 4&0x3FFF=0 && 0>>22&0x3C@0>>24=0:8,10"
-m policy --dir in --pol ipsec --strict --reqid 1 --spi 0x1 --proto esp --mode tunnel --tunnel-dst 10.0.0.0/8 --tunnel-src 10.0.0.0/8 --next --reqid 2
-m policy --dir in --pol none
-m ttl --ttl-lt 3
-m length ! --length 10:20
-m iprange --src-range 1.1.1.1-2.2.2.2 ! --dst-range 3.3.3.3
-m helper ! --helper ftp
-m mark ! --mark 1/2
-p tcp -m multiport ! --dports 1,2:3,http
-p udp -m multiport --ports 1,2
-m conntrack --ctstate NEW --ctproto tcp --ctorigsrc 1.1.1.0/24 --ctorigdst 2.2.2.2 --ctreplsrc 3.3.3.3 --ctrepldst 4.4.4.4 --ctorigsrcport 1:2 --ctorigdstport 3 --ctreplsrcport 4 --ctrepldstport 5:6 --ctstatus EXPECTED --ctexpire 1:100 --ctdir REPLY
-m conntrack ! --ctstatus NONE
-m realm ! --realm 1/2
-m cpu ! --cpu 1
-p dccp -m dccp --sport 1:2 --dport 3 ! --dccp-types REQUEST,DATA --dccp-option 3
-m devgroup --src-group 1 ! --dst-group 0x2/0xf
-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 0xff
-m connlabel ! --label 3 --set
-m comment --comment "a b c"
-m limit --limit 5/min --limit-burst 9
-m state ! --state INVALID,UNTRACKED
-p tcp -m tcp --sport 1:2 ! --dport 3 --tcp-flags SYN,ACK SYN --tcp-option 3
-p tcp -m tcp --syn
-p udp -m udp ! --sport 53 --dport :1024
-p icmp -m icmp ! --icmp-type echo-request
-p icmp -m icmp --icmp-type 3/1
-s 1.2.3.4/255.255.0.0 ! -d 4.3.2.0/24 -i eth0 ! -o ppp+ -j ACCEPT
-p 47 -f -j DROP
! -p tcp -j RETURN
-g INPUT
-j LOG --log-prefix "abc def" --log-level info --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode
-j REJECT --reject-with icmp-host-prohibited
-p tcp -j REJECT --reject-with tcp-reset
-j NFLOG --nflog-group 1 --nflog-prefix "a b" --nflog-range 20 --nflog-size 30 --nflog-threshold 3
-j NFQUEUE --queue-num 3 --queue-bypass
-j NFQUEUE --queue-balance 1:5 --queue-cpu-fanout
-j AUDIT --type accept
-j IDLETIMER --timeout 30 --label a --alarm
-j TEE --gateway 1.2.3.4 --oif eth0
-p tcp -j SYNPROXY --sack-perm --timestamp --mss 1460 --wscale 9 --ecn
-j MARK --set-mark 1
-j CONNMARK --save-mark
-m rpfilter
-m cgroup --cgroup 1
-m bpf --bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"
-m nfacct --nfacct-name x
-m osf --genre Linux --ttl 0
-m ipvs ! --ipvs
-j CT --notrack
-j TRACE
*mangle
:FORWARD,POSTROUTING
-j MARK --set-xmark 0x1/0xff
-j MARK --and-mark 3
-j MARK --or-mark 3
-j CONNMARK --set-xmark 1/2
-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff
-j CONNMARK --save-mark --mask 3
-j CONNMARK --xor-mark 3
-j CONNMARK --set-mark 1 --left-shift-mark 2
-p tcp -m tcp --syn -j TCPMSS --clamp-mss-to-pmtu
-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400
-p tcp -j TCPMSS --set-mss 1400
-j TTL --ttl-set 3
-j TTL --ttl-dec 1
-j TOS --set-tos 0x10/0x3f
-j TOS --and-tos 0x3
-j TOS --set-tos Minimize-Cost
-j DSCP --set-dscp 0x3
-j DSCP --set-dscp-class AF11
-p tcp -j ECN --ecn-tcp-remove
-j CHECKSUM --checksum-fill
-j CLASSIFY --set-class 1:ffff
-p tcp -j TCPOPTSTRIP --strip-options 2,sack,timestamp
-j HMARK --hmark-tuple src,dst --hmark-mod 2 --hmark-rnd 3 --hmark-offset 1
-j RATEEST --rateest-name a --rateest-interval 250ms --rateest-ewma 500ms
-j CONNSECMARK --save
-j SECMARK --selctx x
-j LED --led-trigger-id foo
:OUTPUT,POSTROUTING
-m owner --uid-owner 0-10 ! --gid-owner root --socket-exists
-m owner --suppl-groups --gid-owner 3
:PREROUTING
-p tcp -j TPROXY --on-port 12345 --on-ip 10.0.0.1 --tproxy-mark 0x23/0xff
-m rpfilter --loose --validmark --accept-local --invert
-m socket --transparent --nowildcard
*raw
:PREROUTING
-j CT --zone 3 --ctevents new,related
-p tcp -j CT --helper ftp
-j CT --zone-orig mark
-j CT --expevents new
-j NOTRACK
-j TRACE
-j CT --timeout x
*nat
:PREROUTING
-p tcp -j DNAT --to-destination 1.1.1.1-2.2.2.2:10-20 --random --persistent
-p tcp -j REDIRECT --to-ports 10-20 --random
-j NETMAP --to 1.2.3.0/24
:POSTROUTING
-p udp -j SNAT --to-source 1.1.1.1-1.1.1.5:1000-2000 --random-fully --persistent
-p tcp -j MASQUERADE --to-ports 1000-2000 --random --random-fully
-j SNAT --to-source 1.1.1.1
-j NETMAP --to 10.0.0.0/8
`;

/** Words as the shell would give them: blanks separate, double quotes hold together. */
function wordsOf(line: string): string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word,
  );
}

function read(): RuleLine[] {
  const lines: RuleLine[] = [];
  let table = 'filter';
  let chains = ['FORWARD'];
  for (const line of text.trim().split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith(':')) chains = line.slice(1).split(',');
    else for (const chain of chains) lines.push({ table, chain, words: wordsOf(line) });
  }
  return lines;
}

export const ruleLines: readonly RuleLine[] = read();
