import type { NflogOptions, RuleContext } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';

/** A packet that `-j NFLOG` hands out. Valid during the call only: whoever keeps it copies it. */
export interface NflogRecord {
  readonly options: NflogOptions;
  /** Hook, interfaces and mark, as the rule saw them. */
  readonly context: RuleContext;
  /** The datagram begins at `l3Offset`. */
  readonly packet: Packet;
  /** Bytes of the datagram that are wanted, and how many it has. */
  readonly length: number;
  readonly fullLength: number;
}

/** Where NFLOG rules lead: the place of the kernel's nfnetlink_log. Must not block or throw. */
export interface NflogSink {
  packetLogged(record: NflogRecord): void;
}

/** The one record that is handed out, again and again. */
export class ReusedNflogRecord implements NflogRecord {
  options: NflogOptions;
  context: RuleContext;
  length = 0;
  fullLength = 0;

  constructor(context: RuleContext) {
    this.context = context;
    this.options = { group: 0, prefix: '', size: 0, threshold: 0 };
  }

  get packet(): Packet {
    return this.context.packet;
  }

  fill(options: NflogOptions): void {
    const { packet } = this;
    this.options = options;
    this.fullLength = packet.l3End - packet.l3Offset;
    this.length =
      options.size > 0 && options.size < this.fullLength ? options.size : this.fullLength;
  }
}
