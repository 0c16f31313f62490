/** What announces a data connection, numbered as expectations show it. */
export const KernelKind = { Port: 1, Eprt: 2, Pasv: 3, Epsv: 4 } as const;
export type KernelKindCode = (typeof KernelKind)[keyof typeof KernelKind];

/** What was read of an announcement. One reused object per helper. */
export class KernelAnnouncement {
  kind: KernelKindCode = KernelKind.Port;
  /** The part that is replaced under NAT: [numbersStart, numbersEnd) of the buffer. */
  numbersStart = 0;
  numbersEnd = 0;
  /** The announced endpoint; the address is in word 0 in IPv4. */
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  port = 0;
}
