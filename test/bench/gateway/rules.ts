/** The rules of the gateway benchmark: the same text for the kernel and for Pinhole. */

/** Ports of the load generator's servers. */
export const ports = {
  /** Requests; bulk on the next one. */
  tcp: 5001,
  /** The first of `udpPorts`. */
  udp: 6001,
} as const;
/** With 5,000 source ports each: 500,000 flows from one address. */
export const udpPorts = 100;

/** `count` rules that match none of the lab's packets: hosts of 198.18.0.0/15 (RFC 2544). */
function rulesThatDoNotMatch(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const host = `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
    return `-A FORWARD -s ${host} -j DROP`;
  });
}

/** iptables-save text: `before` rules of FORWARD that match nothing come first. */
export function benchRules(before: number): string {
  const newConnections = (match: string) =>
    `-A FORWARD -i lan0 ${match} -m conntrack --ctstate NEW -j ACCEPT`;
  return [
    '*raw',
    ':PREROUTING ACCEPT [0:0]',
    '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp',
    'COMMIT',
    '*nat',
    ':POSTROUTING ACCEPT [0:0]',
    '-A POSTROUTING -o wan0 -j MASQUERADE',
    'COMMIT',
    '*filter',
    ':FORWARD DROP [0:0]',
    ...rulesThatDoNotMatch(before),
    '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    newConnections('-p tcp --dport 21'),
    newConnections(`-p tcp --dport ${ports.tcp}:${ports.tcp + 1}`),
    newConnections(`-p udp --dport ${ports.udp}:${ports.udp + udpPorts - 1}`),
    'COMMIT',
    '',
  ].join('\n');
}
