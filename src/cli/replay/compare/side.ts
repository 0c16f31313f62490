import { InterfaceTable } from '../../../base/index.ts';
import type { Expectation } from '../../../conntrack/index.ts';
import {
  type CaptureReader,
  ReplayDatapath,
  type ReplayObserver,
} from '../../../datapath/index.ts';
import {
  type Engine,
  type EngineListener,
  type EngineSettings,
  Outcome,
  type OutcomeCode,
} from '../../../engine/index.ts';
import { type FtpMode, type FtpRefusal, HelperId } from '../../../helpers/index.ts';
import type { RuleSet } from '../../../rules/index.ts';
import { decodeFrame, LinkType, Packet, Proto, TcpFlag } from '../../../wire/index.ts';
import { parseInterfaceOption } from '../interface-option.ts';
import type { ReplayOptions } from '../options.ts';
import { type PacketReport, reportPacket, summarise } from '../report.ts';
import { replayEngine } from '../start.ts';
import { HoleLedger, holeName } from './holes.ts';
import { LineStarts, quotedLines } from './lines.ts';

const EMPTY = new Uint8Array(0);
const flagNames = [
  [TcpFlag.Syn, 'SYN'],
  [TcpFlag.Fin, 'FIN'],
  [TcpFlag.Rst, 'RST'],
  [TcpFlag.Ack, 'ACK'],
] as const;

/** One mode of the FTP helper at work on the capture; what it did with the packet in hand. */
export class Side implements EngineListener, ReplayObserver {
  readonly engine: Engine;
  readonly holes = new HoleLedger();
  /** Lines that were refused with this packet. */
  readonly refusals: FtpRefusal[] = [];
  /** Packets that the gateway itself sent because of it. */
  readonly sent: string[] = [];
  packet = new Packet();
  number = 0;
  time = 0;
  outcome: OutcomeCode = Outcome.Ignore;

  private readonly datapath: ReplayDatapath;
  private readonly lineStarts = new LineStarts();
  private readonly answer = new Packet();
  private beginsLine = false;

  constructor(
    mode: FtpMode,
    reader: CaptureReader,
    options: ReplayOptions,
    settings: EngineSettings,
    ruleSet: RuleSet,
  ) {
    const interfaces = new InterfaceTable();
    const prefixes = options.interfaces.map(parseInterfaceOption);
    this.datapath = new ReplayDatapath(reader, prefixes, interfaces, null);
    this.engine = replayEngine({
      options,
      settings: { ...settings, ftp: { ...settings.ftp, mode } },
      ruleSet,
      interfaces,
      routes: this.datapath.routes,
      output: { emit: (packet) => this.noteSent(packet) },
    });
    this.engine.listener = this;
  }

  /** The next packet; false at the end of the capture. */
  next(): boolean {
    this.holes.changes.clear();
    this.refusals.length = 0;
    this.sent.length = 0;
    return this.datapath.next(this.engine, this);
  }

  packetDone(number: number, time: number, outcome: OutcomeCode, packet: Packet): void {
    this.number = number;
    this.time = time;
    this.outcome = outcome;
    this.packet = packet;
    this.beginsLine =
      this.isControl && this.passes ? this.lineStarts.take(packet, this.stream) : false;
  }

  /** Whether the packet in hand goes on, to another host or to this one. */
  get passes(): boolean {
    return this.outcome === Outcome.Forward || this.outcome === Outcome.Deliver;
  }

  /** Whether it belongs to a connection that the FTP helper watches. */
  get isControl(): boolean {
    const { row } = this.engine.flight;
    return (
      row >= 0 &&
      this.packet.protocol === Proto.Tcp &&
      this.engine.tracking.conntrack.table.helper(row) === HelperId.Ftp
    );
  }

  report(): PacketReport {
    return reportPacket(this.engine, this.packet, this.number, this.time, this.outcome);
  }

  /** The payload as it goes on; a view that the next packet overwrites. Empty where nothing does. */
  payload(): Uint8Array {
    const { bytes, payloadOffset, payloadLen, protocol } = this.packet;
    if (!this.passes || protocol !== Proto.Tcp) return EMPTY;
    return bytes.subarray(payloadOffset, payloadOffset + payloadLen);
  }

  /** The lines of that payload as they may be shown, for control connections. */
  lines(): string[] {
    return this.isControl ? quotedLines(this.payload(), this.beginsLine) : [];
  }

  expectationNew(expectation: Expectation): void {
    this.holes.change(holeName(this.engine, expectation), 'opened', this.datapath.number);
  }

  expectationDestroy(expectation: Expectation): void {
    this.holes.change(holeName(this.engine, expectation), 'closed', this.datapath.number);
  }

  announcementRefused(refusal: FtpRefusal): void {
    this.refusals.push(refusal);
  }

  // Connections, log lines and encryption follow from the packets: nothing of them is compared.
  connectionNew(): void {}
  connectionUpdate(): void {}
  connectionDestroy(): void {}
  controlEncrypted(): void {}
  logged(): void {}

  private get stream(): number {
    const { row, direction } = this.engine.flight;
    return row * 2 + direction;
  }

  /** A packet made by the gateway begins with its IP header; the cursor knows no more of it. */
  private noteSent(made: Packet): void {
    const { answer } = this;
    answer.loadRange(made.bytes, made.l3Offset, made.l3End - made.l3Offset, LinkType.RawIp);
    decodeFrame(answer);
    const flags =
      answer.protocol === Proto.Tcp
        ? flagNames.filter(([bit]) => (answer.tcpFlags & bit) !== 0).map(([, name]) => ` ${name}`)
        : [];
    this.sent.push(summarise(answer) + flags.join(''));
  }
}
