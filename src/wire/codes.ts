/** Protocol numbers of the IP header (IANA). */
export const Proto = {
  HopByHop: 0,
  Icmp: 1,
  Tcp: 6,
  Udp: 17,
  Routing: 43,
  Fragment: 44,
  Gre: 47,
  Esp: 50,
  Ah: 51,
  Icmpv6: 58,
  NoNext: 59,
  DestOptions: 60,
  Sctp: 132,
  UdpLite: 136,
} as const;

/** EtherType values. */
export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  Vlan: 0x8100,
  Ipv6: 0x86dd,
  QinQ: 0x88a8,
} as const;

/** TCP flag bits as they stand in byte 13 of the header. */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const;

/**
 * What decoding says about a frame. Everything but `Ok` means that the fields beyond the failing
 * header are not set. `NotIp` is no fault: ARP and the like, which Pinhole leaves alone.
 */
export const Decode = {
  Ok: 0,
  NotIp: 1,
  TruncatedLink: 2,
  TruncatedIp: 3,
  BadIpVersion: 4,
  BadIpHeaderLength: 5,
  BadIpTotalLength: 6,
  BadIpChecksum: 7,
  TruncatedExtension: 8,
  TooManyExtensions: 9,
  TruncatedL4: 10,
  BadTcpOffset: 11,
  BadUdpLength: 12,
  BadGreProtocol: 13,
} as const;
export type DecodeCode = (typeof Decode)[keyof typeof Decode];

const decodeNames: readonly string[] = [
  'ok',
  'not-ip',
  'truncated-link-header',
  'truncated-ip-header',
  'bad-ip-version',
  'bad-ip-header-length',
  'bad-ip-total-length',
  'bad-ip-checksum',
  'truncated-extension-header',
  'too-many-extension-headers',
  'truncated-l4-header',
  'bad-tcp-data-offset',
  'bad-udp-length',
  'bad-gre-protocol',
];

/** The stable name of a decode code, for reasons and counters. */
export function decodeName(code: DecodeCode): string {
  return decodeNames[code] ?? `decode-${code}`;
}

/** How the bytes of a frame begin. */
export const LinkType = {
  Ethernet: 0,
  RawIp: 1,
  LinuxCooked: 2,
  LinuxCooked2: 3,
  Null: 4,
} as const;
export type LinkTypeCode = (typeof LinkType)[keyof typeof LinkType];
