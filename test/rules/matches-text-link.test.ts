import { testForms, testRefusals } from './match-text.ts';

/** Text forms and refusals of matches of addresses, links and marks, as iptables-legacy 1.8.9 gave them. */

testForms(`
@4 filter INPUT
-m connmark --mark 1 ;; -m connmark --mark 0x1 ;; connmark match  0x1
-m connmark ! --mark 0x1/0x3 ;; = ;; connmark match ! 0x1/0x3
-m connmark --mark 010 ;; -m connmark --mark 0x8 ;; connmark match  0x8
-m connmark --mark " 1" ;; -m connmark --mark 0x1 ;; connmark match  0x1
-m connmark --mark "+1" ;; -m connmark --mark 0x1 ;; connmark match  0x1
-m connmark --mark 1/0x0 ;; -m connmark --mark 0x1/0x0 ;; connmark match  0x1/0x0
-m connmark --mark 3/1 ;; -m connmark --mark 0x3/0x1 ;; connmark match  0x3/0x1
-m mark --mark 3/1 ;; -m mark --mark 0x3/0x1 ;; mark match 0x3/0x1
-m mark ! --mark 0 ;; -m mark ! --mark 0x0 ;; mark match ! 0x0
-m mac --mac-source 00:01:02:03:04:05 ;; = ;; MAC 00:01:02:03:04:05
-m mac ! --mac-source aA:01:02:03:04:FF ;; -m mac ! --mac-source aa:01:02:03:04:ff ;; MAC ! aa:01:02:03:04:ff
-m mac --mac-source 0:1:2:3:4:5 ;; -m mac --mac-source 00:01:02:03:04:05 ;; MAC 00:01:02:03:04:05
-m addrtype --src-type LOCAL ;; = ;; ADDRTYPE match src-type LOCAL
-m addrtype --src-type local ;; -m addrtype --src-type LOCAL ;; ADDRTYPE match src-type LOCAL
-m addrtype ! --src-type LOCAL,UNICAST ;; -m addrtype ! --src-type UNICAST,LOCAL ;; ADDRTYPE match src-type !UNICAST,LOCAL
-m addrtype --src-type UNICAST,LOCAL --dst-type BROADCAST ;; = ;; ADDRTYPE match src-type UNICAST,LOCAL dst-type BROADCAST
-m addrtype --src-type UNICAST --limit-iface-in ;; = ;; ADDRTYPE match src-type UNICAST limit-in
-m addrtype --src-type UNSPEC ;; = ;; ADDRTYPE match src-type UNSPEC
-m addrtype --src-type THROW,NAT,XRESOLVE,PROHIBIT,UNREACHABLE,BLACKHOLE,MULTICAST,ANYCAST,BROADCAST ;; -m addrtype --src-type BROADCAST,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE ;; ADDRTYPE match src-type BROADCAST,ANYCAST,MULTICAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE
-m addrtype --src-type LOC ;; -m addrtype --src-type LOCAL ;; ADDRTYPE match src-type LOCAL
-m addrtype ! --dst-type MULTICAST ;; = ;; ADDRTYPE match dst-type !MULTICAST
-m addrtype --src-type LOCAL ! --dst-type LOCAL ;; = ;; ADDRTYPE match src-type LOCAL dst-type !LOCAL
-m pkttype --pkt-type unicast ;; = ;; PKTTYPE = unicast
-m pkttype --pkt-type UNICAST ;; -m pkttype --pkt-type unicast ;; PKTTYPE = unicast
-m pkttype ! --pkt-type broadcast ;; = ;; PKTTYPE != broadcast
-m pkttype --pkt-type bcast ;; -m pkttype --pkt-type broadcast ;; PKTTYPE = broadcast
-m pkttype --pkt-type mcast ;; -m pkttype --pkt-type multicast ;; PKTTYPE = multicast
-m pkttype --pkt-type multicast ;; = ;; PKTTYPE = multicast
-m pkttype --pkt-type host ;; -m pkttype --pkt-type unicast ;; PKTTYPE = unicast
-m pkttype --pkt-type otherhost ;; = ;; PKTTYPE = otherhost
-m physdev --physdev-in lo ;; = ;; PHYSDEV match --physdev-in lo
-m physdev ! --physdev-in lo ;; = ;; PHYSDEV match ! --physdev-in lo
-m physdev --physdev-in eth+ ;; = ;; PHYSDEV match --physdev-in eth+
-m physdev --physdev-in lo --physdev-is-in ;; -m physdev --physdev-is-in --physdev-in lo ;; PHYSDEV match --physdev-is-in --physdev-in lo
-m physdev ! --physdev-is-in ;; = ;; PHYSDEV match ! --physdev-is-in
-m physdev --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-is-bridged
-m physdev --physdev-in lo --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-in lo --physdev-is-bridged
-m physdev --physdev-is-out ;; = ;; PHYSDEV match --physdev-is-out
-m physdev --physdev-in + ;; = ;; PHYSDEV match --physdev-in +
@4 filter FORWARD
-m physdev --physdev-out lo ;; = ;; PHYSDEV match --physdev-out lo
-m physdev --physdev-in a --physdev-out lo --physdev-is-bridged --physdev-is-in --physdev-is-out ;; -m physdev --physdev-is-in --physdev-in a --physdev-is-out --physdev-out lo --physdev-is-bridged ;; PHYSDEV match --physdev-is-in --physdev-in a --physdev-is-out --physdev-out lo --physdev-is-bridged
-m physdev ! --physdev-in a ! --physdev-out lo ! --physdev-is-bridged ! --physdev-is-in ! --physdev-is-out ;; -m physdev ! --physdev-is-in ! --physdev-in a ! --physdev-is-out ! --physdev-out lo ! --physdev-is-bridged ;; PHYSDEV match ! --physdev-is-in ! --physdev-in a ! --physdev-is-out ! --physdev-out lo ! --physdev-is-bridged
-m physdev --physdev-is-out ;; = ;; PHYSDEV match --physdev-is-out
-m physdev --physdev-out lo --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-out lo --physdev-is-bridged
-m physdev ! --physdev-is-out ;; = ;; PHYSDEV match ! --physdev-is-out
-m mac --mac-source 00:01:02:03:04:05 ;; = ;; MAC 00:01:02:03:04:05
-m addrtype --src-type LOCAL --limit-iface-out ;; = ;; ADDRTYPE match src-type LOCAL limit-out
-m addrtype --src-type LOCAL --limit-iface-in ;; = ;; ADDRTYPE match src-type LOCAL limit-in
@4 filter OUTPUT
-m addrtype --src-type LOCAL --limit-iface-out ;; = ;; ADDRTYPE match src-type LOCAL limit-out
-m physdev --physdev-out lo --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-out lo --physdev-is-bridged
-m physdev --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-is-bridged
-m owner --uid-owner root ;; -m owner --uid-owner 0 ;; owner UID match root ;; owner UID match 0
-m owner --uid-owner 0-10 ;; = ;; owner UID match 0-10
-m owner ! --uid-owner 0 ;; = ;; ! owner UID match root ;; ! owner UID match 0
-m owner --uid-owner 0-0 ;; -m owner --uid-owner 0 ;; owner UID match root ;; owner UID match 0
-m owner --uid-owner 4294967294 ;; = ;; owner UID match 4294967294
-m owner --uid-owner 0x10 ;; -m owner --uid-owner 16 ;; owner UID match 16
-m owner --gid-owner adm ;; -m owner --gid-owner 4 ;; owner GID match adm ;; owner GID match 4
-m owner --gid-owner root ;; -m owner --gid-owner 0 ;; owner GID match root ;; owner GID match 0
-m owner --gid-owner 0-10 ;; = ;; owner GID match 0-10
-m owner ! --gid-owner 0-10 ;; = ;; ! owner GID match 0-10
-m owner --socket-exists ;; = ;; owner socket exists
-m owner ! --socket-exists ;; = ;; ! owner socket exists
-m owner --uid-owner 0 --gid-owner 0 --socket-exists ;; -m owner --socket-exists --uid-owner 0 --gid-owner 0 ;; owner socket exists owner UID match root owner GID match root ;; owner socket exists owner UID match 0 owner GID match 0
-m owner ! --uid-owner 0 ! --gid-owner 0 ! --socket-exists ;; -m owner ! --socket-exists ! --uid-owner 0 ! --gid-owner 0 ;; ! owner socket exists ! owner UID match root ! owner GID match root ;; ! owner socket exists ! owner UID match 0 ! owner GID match 0
-m owner --uid-owner 7777 ;; = ;; owner UID match 7777
-m owner --gid-owner 7777 ;; = ;; owner GID match 7777
@4 mangle POSTROUTING
-m owner --uid-owner 0 ;; = ;; owner UID match root ;; owner UID match 0
-m physdev --physdev-in lo ;; = ;; PHYSDEV match --physdev-in lo
-m physdev --physdev-out lo ;; = ;; PHYSDEV match --physdev-out lo
-m physdev --physdev-out lo --physdev-is-bridged ;; = ;; PHYSDEV match --physdev-out lo --physdev-is-bridged
@4 mangle PREROUTING
-m rpfilter ;; = ;; rpfilter
-m rpfilter --loose ;; = ;; rpfilter loose
-m rpfilter --loose --validmark --accept-local --invert ;; = ;; rpfilter loose validmark accept-local invert
-m rpfilter --invert --loose ;; -m rpfilter --loose --invert ;; rpfilter loose invert
-m rpfilter --accept-local ;; = ;; rpfilter accept-local
-m mac --mac-source 00:01:02:03:04:05 ;; = ;; MAC 00:01:02:03:04:05
-m physdev --physdev-out lo ;; = ;; PHYSDEV match --physdev-out lo
@4 raw PREROUTING
-m rpfilter --validmark ;; = ;; rpfilter validmark
`);

testRefusals(`
@4 filter INPUT
-m connmark --mark 0xfffffffff ;; 2 ;; connmark: bad integer value for option "--mark", or out of range.
-m connmark --mark -1 ;; 2 ;; connmark: bad integer value for option "--mark", or out of range.
-m connmark --mark 1/ ;; 2 ;; connmark: bad integer value for option "--mark", or out of range.
-m connmark --mark 1x ;; 2 ;; connmark: trailing garbage after value for option "--mark".
-m connmark --mark 1/2x ;; 2 ;; connmark: trailing garbage after value for option "--mark".
-m connmark --mark "" ;; 2 ;; connmark: bad integer value for option "--mark", or out of range.
-m connmark --mark 08 ;; 2 ;; connmark: trailing garbage after value for option "--mark".
-m connmark --mark 0x ;; 2 ;; connmark: trailing garbage after value for option "--mark".
-m connmark --mark 1/1/1 ;; 2 ;; connmark: trailing garbage after value for option "--mark".
-m connmark ;; 2 ;; connmark: option "--mark" must be specified
-m connmark --mark 1 --mark 2 ;; 2 ;; connmark: option "--mark" can only be used once.
-m mark --mark 0x1g ;; 2 ;; mark: trailing garbage after value for option "--mark".
-m mark --mark /1 ;; 2 ;; mark: bad integer value for option "--mark", or out of range.
-m mac --mac-source 00:01:02:03:04 ;; 2 ;; Invalid MAC address specified.
-m mac --mac-source 00:01:02:03:04:05:06 ;; 2 ;; Invalid MAC address specified.
-m mac --mac-source 00-01-02-03-04-05 ;; 2 ;; Invalid MAC address specified.
-m mac --mac-source zz:01:02:03:04:05 ;; 2 ;; Invalid MAC address specified.
-m mac ;; 2 ;; mac: option "--mac-source" must be specified
-m mac --mac-source 00:01:02:03:04:05 --mac-source 00:01:02:03:04:05 ;; 2 ;; mac: option "--mac-source" can only be used once.
-m addrtype --src-type UNICAST --limit-iface-out ;; 1 ;; EINVAL
-m addrtype --src-type UNICAST --limit-iface-in --limit-iface-out ;; 2 ;; addrtype: option "--limit-iface-in" cannot be used together with "--limit-iface-out".
-m addrtype --limit-iface-in ;; 2 ;; addrtype: you must specify --src-type or --dst-type
-m addrtype ;; 2 ;; addrtype: you must specify --src-type or --dst-type
-m addrtype --src-type ;; 2 ;; option "--src-type" requires an argument
-m addrtype --src-type FOO ;; 2 ;; addrtype: bad type "FOO"
-m addrtype --src-type "" ;; 2 ;; addrtype: bad type ""
-m addrtype --src-type LOCAL, ;; 2 ;; addrtype: bad type ""
-m addrtype --src-type LOCAL --src-type LOCAL ;; 2 ;; addrtype: option "--src-type" can only be used once.
-m addrtype ! --limit-iface-in --dst-type LOCAL ;; 2 ;; addrtype: option "--limit-iface-in" cannot be inverted.
-m pkttype --pkt-type uni ;; 2 ;; Bad packet type 'uni'
-m pkttype --pkt-type wrong ;; 2 ;; Bad packet type 'wrong'
-m pkttype --pkt-type "" ;; 2 ;; Bad packet type ''
-m pkttype --pkt-type b ;; 2 ;; Bad packet type 'b'
-m pkttype ;; 2 ;; pkttype: option "--pkt-type" must be specified
-m physdev ;; 2 ;; PHYSDEV: no physdev option specified
-m physdev --physdev-in lo --physdev-in lo ;; 2 ;; physdev: option "--physdev-in" can only be used once.
-m physdev --physdev-in aaaaaaaaaaaaaaaa ;; 2 ;; interface name ^aaaaaaaaaaaaaaaa' must be shorter than IFNAMSIZ (15)
@4 filter OUTPUT
-m mac --mac-source 00:01:02:03:04:05 ;; 1 ;; EINVAL
-m addrtype --src-type LOCAL --limit-iface-in ;; 1 ;; EINVAL
-m physdev --physdev-out lo ;; 1 ;; EINVAL
-m physdev --physdev-is-out ;; 1 ;; EINVAL
-m owner --uid-owner 10-0 ;; 1 ;; EINVAL
-m owner --uid-owner 4294967295 ;; 2 ;; owner: Bad value for "--uid-owner" option: "4294967295"
-m owner --uid-owner 4294967296 ;; 2 ;; owner: Bad value for "--uid-owner" option: "4294967296"
-m owner --uid-owner root- ;; 2 ;; owner: Bad value for "--uid-owner" option: "root-"
-m owner --uid-owner 5- ;; 2 ;; owner: Bad value for "--uid-owner" option: "5-"
-m owner --uid-owner -5 ;; 2 ;; owner: Bad value for "--uid-owner" option: "-5"
-m owner --uid-owner 5-10-20 ;; 2 ;; owner: Bad value for "--uid-owner" option: "5-10-20"
-m owner --uid-owner "" ;; 2 ;; owner: Bad value for "--uid-owner" option: ""
-m owner --uid-owner nosuch ;; 2 ;; owner: Bad value for "--uid-owner" option: "nosuch"
-m owner --gid-owner nosuch ;; 2 ;; owner: Bad value for "--gid-owner" option: "nosuch"
-m owner --gid-owner 10-0 ;; 1 ;; EINVAL
-m owner --suppl-groups --gid-owner 0 ;; 2 ;; owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"
-m owner --suppl-groups ;; 2 ;; owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"
-m owner ! --suppl-groups --gid-owner 0 ;; 2 ;; owner: option "--suppl-groups" cannot be inverted.
-m owner --uid-owner 0 --uid-owner 1 ;; 2 ;; owner: option "--uid-owner" can only be used once.
-m owner ;; 2 ;; owner: At least one of --uid-owner, --gid-owner or --socket-exists is required
-m owner --pid-owner 1 ;; 2 ;; unknown option "--pid-owner"
-m owner --uid-owner root-10 ;; 2 ;; owner: Bad value for "--uid-owner" option: "root-10"
@4 filter INPUT
-m owner --uid-owner 0 ;; 1 ;; EINVAL
@4 mangle POSTROUTING
-m mac --mac-source 00:01:02:03:04:05 ;; 1 ;; EINVAL
-m rpfilter ;; 1 ;; EINVAL
@4 mangle PREROUTING
-m rpfilter ! --loose ;; 2 ;; rpfilter: option "--loose" cannot be inverted.
-m rpfilter --loose --loose ;; 2 ;; rpfilter: option "--loose" can only be used once.
@4 nat PREROUTING
-m rpfilter ;; 1 ;; EINVAL
@4 filter INPUT
-m rpfilter ;; 1 ;; EINVAL
`);
