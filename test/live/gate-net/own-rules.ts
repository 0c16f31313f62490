/** Rules for the gateway's own packets and those to it, and what a lab needs beside them. */
import { type Lab, mustRunIn } from '../harness.ts';

export const address = {
  client: '192.168.77.10',
  inside: '192.168.77.1',
  outside: '203.0.113.1',
  server: '203.0.113.21',
  client6: 'fd77:1::10',
  inside6: 'fd77:1::1',
  outside6: '2001:db8:77::1',
  server6: '2001:db8:77::21',
} as const;

/** A user without rights. */
export const OTHER_UID = '65534';

/** Something of every table and hook, each told by its port. */
export const own = `*raw
-A PREROUTING -i lan0 -p udp -m udp --dport 4100 -j DROP
-A OUTPUT -p udp -m udp --dport 4101 -j DROP
COMMIT
*mangle
-A OUTPUT -p tcp -m tcp --dport 4201 -j MARK --set-mark 0x7
-A POSTROUTING -p tcp -m tcp --dport 4202 -m mark --mark 0x7 -j DROP
-A OUTPUT -p tcp -m tcp --dport 4202 -j MARK --set-mark 0x7
-A INPUT -i lan0 -p tcp -m tcp --dport 4203 -j DROP
COMMIT
*nat
-A PREROUTING -i lan0 -p tcp -m tcp --dport 4300 -j REDIRECT --to-ports 4301
-A PREROUTING -i lan0 -p udp -m udp --dport 4302 -j REDIRECT --to-ports 4303
-A PREROUTING -i lan0 -d ${address.server} -p tcp -m tcp --dport 4304 -j DNAT --to-destination ${address.inside}:4305
-A OUTPUT -d 198.51.100.7 -p tcp -m tcp --dport 4306 -j DNAT --to-destination ${address.server}:4307
-A OUTPUT -d ${address.server} -p tcp -m tcp --dport 4308 -j DNAT --to-destination ${address.client}:4309
-A OUTPUT -d ${address.server} -p tcp -m tcp --dport 4310 -j REDIRECT --to-ports 4311
-A OUTPUT -d ${address.server} -p udp -m udp --dport 4312 -j DNAT --to-destination ${address.client}:4313
-A INPUT -i lan0 -p tcp -m tcp --dport 4314 -j SNAT --to-source 10.9.8.7
-A POSTROUTING -o wan0 -p tcp -m tcp --dport 4315 -j SNAT --to-source 203.0.113.99
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 4000 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 4001 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp -m tcp --dport 4002 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -i lan0 -p tcp -m multiport --dports 4301,4305,4314 -j ACCEPT
-A INPUT -i lan0 -p udp -m udp --dport 4303 -j ACCEPT
-A INPUT -i lan0 -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT -i lan0 -p udp -m pkttype --pkt-type broadcast -m udp --dport 4400 -j ACCEPT
-A INPUT -i lan0 -d 239.1.2.3 -p udp -m udp --dport 4402 -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 4203 -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4500 -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4501 -j REJECT --reject-with tcp-reset
-A OUTPUT -p tcp -m tcp --dport 4502 -j REJECT --reject-with icmp-admin-prohibited
-A OUTPUT -p udp -m udp --dport 4503 -j REJECT --reject-with icmp-port-unreachable
-A OUTPUT -p tcp -m owner --uid-owner ${OTHER_UID} -m tcp --dport 4504 -j ACCEPT
-A OUTPUT -p tcp -m owner ! --uid-owner 0 -m tcp --dport 4505 -j ACCEPT
-A OUTPUT -p tcp -m mark --mark 0x7 -m tcp --dport 4201 -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4202 -j ACCEPT
-A OUTPUT -p tcp -m multiport --dports 4307,4309,4311,4315 -j ACCEPT
-A OUTPUT -p udp -m multiport --dports 4313,4316 -j ACCEPT
-A OUTPUT -d ${address.server} -p icmp -m icmp --icmp-type 8 -j ACCEPT
COMMIT
`;

/** The gateway has some more routes and addresses than a lab gives it. */
export async function prepare(lab: Lab): Promise<void> {
  const routes = 'route add 198.51.100.0/24 via 203.0.113.21\n';
  await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: routes });
  await mustRunIn(lab, 'client', ['ip', 'route', 'add', '239.1.2.3/32', 'dev', 'eth0']);
  await mustRunIn(lab, 'server', ['ip', 'route', 'add', '203.0.113.99/32', 'via', address.outside]);
}
