import { type Packet, QuotedDatagram } from '../wire/index.ts';
import { Tuple } from './tuple.ts';

/**
 * ICMP errors belong to the connection of the datagram that they quote, in the direction that
 * answers it, and change nothing of it (nf_conntrack_inet_error in nf_conntrack_proto_icmp.c). What
 * is here is the reading; the tracker looks the tuple up.
 */
export class IcmpErrors {
  private readonly quoted = new QuotedDatagram();
  private readonly sent = new Tuple();

  /**
   * Makes `tuple` the one that answers the datagram quoted by `error`, in zone 0: that of the
   * direction which the error itself has. False where the quote tells no connection.
   */
  readAnswering(error: Packet, tuple: Tuple): boolean {
    const { quoted, sent } = this;
    if (!quoted.read(error)) return false;
    sent.meta = (quoted.family << 8) | quoted.protocol;
    sent.ports = (quoted.srcPortOrIcmpId << 16) | quoted.dstPortOrIcmpTypeCode;
    sent.s0 = quoted.src0;
    sent.s1 = quoted.src1;
    sent.s2 = quoted.src2;
    sent.s3 = quoted.src3;
    sent.d0 = quoted.dst0;
    sent.d1 = quoted.dst1;
    sent.d2 = quoted.dst2;
    sent.d3 = quoted.dst3;
    tuple.invertFrom(sent);
    return true;
  }
}

/**
 * Whether an error goes where the direction it was found in goes. Without this question, whoever
 * knows of a connection could reach any host behind the gateway with what passes as RELATED.
 */
export function isWellDirected(error: Packet, tuple: Tuple): boolean {
  return (
    error.dst0 === tuple.d0 &&
    error.dst1 === tuple.d1 &&
    error.dst2 === tuple.d2 &&
    error.dst3 === tuple.d3
  );
}
