import { replaceSequence } from '../../../nat/index.ts';
import { type Packet, seqAfter, seqBefore, seqDiff, TcpFlag } from '../../../wire/index.ts';
import { Emission } from './emission.ts';
import { KEPT_LIMIT, KeptOutput } from './kept-output.ts';
import type { LineJudge } from './line.ts';
import { LineReader } from './line-reader.ts';
import { RelayOutcome, type RelayOutcomeCode } from './outcome.ts';
import { clearMisleadingUrgent } from './urgent.ts';

export { RelayOutcome, type RelayOutcomeCode } from './outcome.ts';

/** How far below its first segment a stream picked up midway may turn out to begin, in bytes. */
const MAX_STEP_BACK = 1 << 20;

/**
 * One direction of a control connection as it passes through, without an end of TCP here. THE STREAM
 * IS READ ONCE, IN ORDER; whatever is sent again is answered from what was decided the first time,
 * so neither other bytes nor other boundaries can tell the receiver anything else. All sequence
 * numbers are the sender's own.
 */
export class Relay {
  /**
   * After Hold: what is left of the segment should go on, because the receiver would otherwise send
   * what it acknowledges again. Where this is false it must not: three of the same are taken for loss.
   */
  leavesAck = false;
  /** What the receiver said with its latest acknowledgement. */
  receiverWindow = 0;
  receiverTimestamp = 0;

  private readonly output = new KeptOutput();
  private readonly reader: LineReader;
  private readonly emission: Emission;
  private isStarted = false;
  private isReset = false;
  private firstSeq = 0;
  /** What went on before the receiver's first word showed that bytes before it are missing. */
  private ahead: Uint8Array | null = null;
  private aheadSeq = 0;
  /** What the last segment that went on said of the other direction. */
  private lastAck = 0;
  private lastWindow = -1;

  /** `resized(seq, oldLen, newLen)`: that many bytes at `seq` go on as another number of bytes. */
  constructor(judge: LineJudge, resized: (seq: number, oldLen: number, newLen: number) => void) {
    this.reader = new LineReader(judge, this.output, resized);
    this.emission = new Emission(this.output, this.reader);
  }

  /**
   * False: the stream is encrypted; bytes go on as they are, and `judge.encrypted` sees new ones. The
   * judge may switch it at any time; it holds from the next line or, if that has begun, the next
   * byte. Whoever switches it on says that a line begins there.
   */
  get readsLines(): boolean {
    return this.reader.readsLines;
  }

  set readsLines(reads: boolean) {
    this.reader.readsLines = reads;
  }

  /** After Hold: the gateway acknowledges up to here, */
  get promisedAck(): number {
    return this.emission.promisedAck;
  }

  /** unless this is false: `lift` does it with a later acknowledgement of the receiver. */
  get mayPromise(): boolean {
    return this.emission.mayPromise;
  }

  /** The number after the last byte that has gone on; null before any is known. */
  get goneSeq(): number | null {
    return this.isStarted ? this.emission.goneSeq : null;
  }

  /** Everything has gone on as it has been read, and acknowledgements mean to both ends what they say. */
  get isQuiet(): boolean {
    return this.isStarted && !this.isReset && this.emission.isEven;
  }

  /** The end of the stream has been read. */
  get isFinished(): boolean {
    return this.emission.isFinished;
  }

  /** Memory in use, in bytes. */
  get keptBytes(): number {
    return this.output.bytes + this.reader.bytes;
  }

  /** The handshake was seen: the next byte is `seq` and begins a line. Once more changes nothing. */
  startAt(seq: number): void {
    if (this.isStarted && this.firstSeq === (seq | 0)) return;
    this.firstSeq = seq | 0;
    this.begin(seq | 0, true);
    this.emission.isReceiverUnknown = false;
    this.ahead = null;
    this.isReset = false;
  }

  /**
   * Takes a segment with the numbers of its ends, before sequence adjustment. Payload, length and
   * sequence number may be changed, checksums mended.
   */
  take(packet: Packet): RelayOutcomeCode {
    const outcome = this.decide(packet);
    if (outcome === RelayOutcome.Drop || outcome === RelayOutcome.Reset) return outcome;
    this.leavesAck = this.noteAck(packet);
    return outcome;
  }

  /** True where the segment says anything new of the other direction. */
  private noteAck({ tcpFlags, ack, window }: Packet): boolean {
    if ((tcpFlags & TcpFlag.Ack) === 0) return false;
    if (!seqAfter(ack, this.lastAck) && window === this.lastWindow) return false;
    this.lastAck = ack;
    this.lastWindow = window;
    return true;
  }

  /** Takes a segment that goes on as it is in any case: verdicts have no effect, nothing is held. */
  observe(packet: Packet): void {
    const { tcpFlags, payloadLen } = packet;
    const isFin = (tcpFlags & TcpFlag.Fin) !== 0;
    if ((tcpFlags & TcpFlag.Rst) !== 0 || (payloadLen === 0 && !isFin)) return;
    const seq = firstByteOf(packet);
    if (!this.isStarted) this.pickUp(seq);
    const { reader, output, emission } = this;
    if (seqAfter(seq, reader.nextSeq)) return;
    // Nothing has to be served from it: the packets of this connection go on by themselves.
    if (output.bytes + payloadLen > KEPT_LIMIT) this.forgetOutput();
    reader.isWatching = true;
    this.read(packet, seq);
    reader.isWatching = false;
    if (!seqAfter(seq, emission.goneSeq)) emission.goneSeq = output.endSeq;
  }

  /** The receiver acknowledges everything before `ack`, with this window field and timestamp. */
  acknowledged(ack: number, window: number, timestamp: number): void {
    const { emission, output, reader } = this;
    if (!this.isStarted || !seqBefore(ack, output.startSeq)) {
      this.receiverWindow = window;
      this.receiverTimestamp = timestamp;
    }
    if (!this.isStarted) return;
    if (emission.isReceiverUnknown) this.meetReceiver(ack);
    const isBeyond = seqAfter(ack, reader.nextSeq);
    if (!isBeyond) emission.acknowledge(ack);
    else if (emission.isFinished) emission.acknowledge(reader.nextSeq);
    // What is missing here has reached the receiver on another way, or before this relay began.
    else this.begin(ack | 0, false);
  }

  /**
   * The acknowledgement that the sender shall see where the receiver says `ack`: bytes held back and
   * bytes promised are acknowledged too. To be asked after `acknowledged`.
   */
  lift(ack: number): number {
    return this.isStarted ? this.emission.lift(ack) : ack;
  }

  private decide(packet: Packet): RelayOutcomeCode {
    const { tcpFlags, payloadLen } = packet;
    if ((tcpFlags & TcpFlag.Rst) !== 0) return this.takeReset(packet);
    if (this.isReset) return RelayOutcome.Reset;
    if (payloadLen === 0 && (tcpFlags & TcpFlag.Fin) === 0) return this.takeEmpty(packet);
    const seq = firstByteOf(packet);
    if (!this.isStarted) this.pickUp(seq);
    const { reader, output, emission } = this;
    const ahead = seqDiff(seq, reader.nextSeq);
    if (ahead > 0) return reader.readsLines ? RelayOutcome.Drop : RelayOutcome.Unchanged;
    const isPlain = ahead === 0 && emission.goneSeq === seq && !emission.owesFrom(seq);
    const { replaced } = reader;
    const { endSeq } = output;
    if (!this.read(packet, seq) || !this.repeatsAhead(endSeq)) {
      this.isReset = true;
      return RelayOutcome.Reset;
    }
    const end = (seq + payloadLen) | 0;
    const isAsItCame = reader.replaced === replaced && output.endSeq === end;
    if (!isPlain || !isAsItCame || reader.nextSeq !== end) return emission.emit(packet, seq, end);
    emission.goneSeq = end;
    return this.letOn(packet);
  }

  /** Reads what is new of a segment. False where the connection is to be reset. */
  private read(packet: Packet, seq: number): boolean {
    const { reader, output, emission } = this;
    const { bytes, payloadOffset, payloadLen } = packet;
    if (emission.isFinished) return true;
    const old = seqDiff(reader.nextSeq, seq);
    const isKept = reader.readsLines && !reader.isWatching;
    const end = isKept ? Math.min(payloadLen, old + KEPT_LIMIT - output.bytes) : payloadLen;
    if (old < end && !reader.read(bytes, payloadOffset + old, payloadOffset + end)) return false;
    const isFin = (packet.tcpFlags & TcpFlag.Fin) !== 0;
    if (!isFin || seqDiff(reader.nextSeq, seq) !== payloadLen) return true;
    emission.isFinished = true;
    return reader.finish();
  }

  /** Without payload: an acknowledgement, a keep-alive, a window probe, or a SYN. */
  private takeEmpty(packet: Packet): RelayOutcomeCode {
    if (!this.isStarted || (packet.tcpFlags & TcpFlag.Syn) !== 0) return RelayOutcome.Unchanged;
    const seq = this.emission.knownSeq(packet.seq);
    if (seq === packet.seq) return this.letOn(packet);
    replaceSequence(packet, seq);
    clearMisleadingUrgent(packet);
    return RelayOutcome.Changed;
  }

  private takeReset(packet: Packet): RelayOutcomeCode {
    const { nextSeq } = this.reader;
    const { goneSeq } = this.emission;
    if (!this.isStarted || packet.seq !== nextSeq || goneSeq === nextSeq) {
      return RelayOutcome.Unchanged;
    }
    // Any other number than the receiver expects would be challenged (RFC 5961 section 3.2).
    replaceSequence(packet, goneSeq);
    return RelayOutcome.Changed;
  }

  /** Lets on what stays as it came, but for urgent data that the receiver would read otherwise. */
  private letOn(packet: Packet): RelayOutcomeCode {
    if (!this.reader.readsLines) return RelayOutcome.Unchanged;
    return clearMisleadingUrgent(packet) ? RelayOutcome.Changed : RelayOutcome.Unchanged;
  }

  private begin(seq: number, isCertain: boolean): void {
    this.isStarted = true;
    this.emission.restart(seq);
    this.output.restart(seq);
    this.reader.startAt(seq, isCertain);
  }

  private pickUp(seq: number): void {
    this.firstSeq = seq;
    this.begin(seq, false);
    this.emission.isReceiverUnknown = true;
  }

  /** The receiver's first word on a stream picked up midway, whose segments may have come in disorder. */
  private meetReceiver(ack: number): void {
    this.emission.isReceiverUnknown = false;
    const back = seqDiff(this.firstSeq, ack);
    // Once a length has been changed, nothing before it can be translated any more.
    if (back <= 0 || back > MAX_STEP_BACK || this.reader.replaced > 0) return;
    const { output } = this;
    const length = seqDiff(output.endSeq, this.firstSeq);
    if (length > 0) {
      this.ahead = new Uint8Array(length);
      this.aheadSeq = this.firstSeq;
      output.copy(this.firstSeq, output.endSeq, length, this.ahead, this.ahead, 0, output.endSeq);
    }
    this.begin(ack | 0, false);
  }

  /**
   * What is decided about bytes that the receiver may have already must be the same once more: it
   * may keep either copy, and would read a line that nobody has judged. `from` is where the decisions
   * of the last segment begin.
   */
  private repeatsAhead(from: number): boolean {
    const { ahead, aheadSeq, output, reader } = this;
    if (ahead === null || !seqAfter(output.endSeq, aheadSeq)) return true;
    const start = seqBefore(from, aheadSeq) ? aheadSeq : from;
    const end = (aheadSeq + ahead.length) | 0;
    const to = seqBefore(output.endSeq, end) ? output.endSeq : end;
    const length = Math.max(0, seqDiff(to, start));
    if (length > 0 && reader.replaced > 0) return false;
    const again = new Uint8Array(length);
    output.copy(start, to, length, again, again, 0, to);
    const at = seqDiff(start, aheadSeq);
    for (let i = 0; i < length; i++) if (again[i] !== ahead[at + i]) return false;
    if (to === end) this.ahead = null;
    return true;
  }

  private forgetOutput(): void {
    const { endSeq } = this.output;
    this.output.restart(endSeq);
    this.emission.goneSeq = endSeq;
  }
}

/** The sequence number of the first byte of payload: the SYN counts as one before it. */
function firstByteOf(packet: Packet): number {
  return (packet.tcpFlags & TcpFlag.Syn) !== 0 ? (packet.seq + 1) | 0 : packet.seq;
}
