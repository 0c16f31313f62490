/**
 * An FTP session for the oracle: a control connection, and after an announcement (PORT or EPRT, 227
 * or 229) the data connection to what arrived of it. Some ends open another port than announced.
 */
import { buildTcp } from '../../support/packets.ts';
import type { SeenPacket } from '../../support/seen.ts';
import {
  answering,
  type Ends,
  type Flow,
  type Maker,
  network,
  pick,
  randomEnds,
  type Step,
} from './dialogue.ts';
import { otherSide } from './words.ts';

/**
 * Each turn is the end that speaks (`>` the client), the connection (`c`ontrol or `d`ata), the flags,
 * and what is said; `ANNOUNCE` stands for the announcement.
 */
const greeting = [
  '>c S',
  '<c SA',
  '>c A',
  '<c PA 220 ready\r\n',
  '>c A',
  '>c PA USER anonymous\r\n',
  '<c PA 331 and the password\r\n',
  '>c PA PASS guest\r\n',
  '<c PA 230 come in\r\n',
];
const active = [
  '>c PA ANNOUNCE',
  '<c PA 200 good\r\n',
  '>c PA RETR file\r\n',
  '<d S',
  '>d SA',
  '<d A',
  '<d PA content',
  '>d A',
  '<d FA',
  '>d FA',
  '<d A',
  '<c PA 226 done\r\n',
];
const passive = [
  '>c PA ASK\r\n',
  '<c PA ANNOUNCE',
  '>d S',
  '<d SA',
  '>d A',
  '>d PA content',
  '<d A',
  '>c A',
];

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One TCP connection of the session: who sends what next, `0` for the client. */
class Stream {
  readonly ends: [Ends | null, Ends | null] = [null, null];
  readonly seqs: [number, number];
  readonly acks: [number, number] = [0, 0];

  constructor(seqs: [number, number]) {
    this.seqs = seqs;
  }
}

const pattern = {
  4: /\b(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\b/,
  6: /\|(?:2\|([^|]*))?\|?\|(\d+)\|/,
} as const;

export class FtpSession implements Flow {
  private readonly maker: Maker;
  private readonly turns: readonly string[];
  private readonly isActive: boolean;
  private readonly control: Stream;
  private readonly data: Stream;
  private readonly announcedPort: number;
  private at = 0;

  constructor(maker: Maker, serial: number) {
    const { random } = maker;
    this.maker = maker;
    this.isActive = random.below(2) === 0;
    this.turns = [...greeting, ...(this.isActive ? active : passive)];
    this.control = new Stream([random.next(), random.next()]);
    this.data = new Stream([random.next(), random.next()]);
    this.control.ends[0] = { ...randomEnds(maker), sport: 30_000 + serial, dport: 21 };
    this.announcedPort = 45_000 + serial;
  }

  next(): Step | null {
    const turn = this.turns[this.at];
    if (turn === undefined) return null;
    const who = turn[0] === '>' ? 0 : 1;
    const stream = turn[1] === 'c' ? this.control : this.data;
    const ends = stream.ends[who];
    if (ends === null) return null;
    const [, flags = '', said = ''] = /^.. (\w+) ?(.*)$/s.exec(turn)!;
    const payload = this.wordsFor(said, ends);
    const seq = stream.seqs[who] >>> 0;
    stream.seqs[who] += payload.length + (/[SF]/.test(flags) ? 1 : 0);
    const ip = { ...network(this.maker, ends.side, ends.src, ends.dst), ttl: 64 };
    const { sport, dport } = ends;
    const ack = stream.acks[who] >>> 0;
    const frame = buildTcp({ ...ip, sport, dport, seq, ack, flags, window: 8192, payload });
    return { side: ends.side, frame };
  }

  arrived(packet: SeenPacket | null): void {
    const turn = this.turns[this.at++]!;
    if (packet === null) {
      this.at = this.turns.length;
      return;
    }
    const who = turn[0] === '>' ? 1 : 0;
    const stream = turn[1] === 'c' ? this.control : this.data;
    const counted = packet.tcpFlags & 3 ? 1 : 0;
    stream.acks[who] = packet.seq + packet.payload.length + counted;
    if (stream.ends[who] === null) {
      const side = otherSide[stream.ends[1 - who]!.side];
      stream.ends[who] = answering(side, packet);
    }
    if (turn.includes('ANNOUNCE')) this.openData(packet, stream.ends[who]!);
  }

  private wordsFor(said: string, ends: Ends): string {
    if (said === 'ASK\r\n') return this.maker.words.family === 4 ? 'PASV\r\n' : 'EPSV\r\n';
    return said === 'ANNOUNCE' ? this.announcement(ends.src) : said;
  }

  private announcement(address: string): string {
    const port = this.announcedPort;
    if (this.maker.words.family === 6) {
      return this.isActive
        ? `EPRT |2|${address}|${port}|\r\n`
        : `229 Entering Extended Passive Mode (|||${port}|)\r\n`;
    }
    const numbers = `${address.replaceAll('.', ',')},${port >> 8},${port & 255}`;
    return this.isActive ? `PORT ${numbers}\r\n` : `227 Entering Passive Mode (${numbers})\r\n`;
  }

  /** The one who heard of an endpoint (`hearer`) opens a connection to it, most often. */
  private openData(packet: SeenPacket, hearer: Ends): void {
    const heard = this.readAnnouncement(packet.text, hearer.dst);
    if (heard === null) return;
    const { random } = this.maker;
    const opener = this.isActive ? 1 : 0;
    const sport = this.isActive ? 20 : this.announcedPort - 10_000;
    const dport = heard.port + pick(random, [0, 0, 0, 1]);
    this.data.ends[opener] = {
      side: hearer.side,
      src: hearer.src,
      dst: heard.address,
      sport,
      dport,
    };
  }

  private readAnnouncement(text: string, speaker: string): Endpoint | null {
    const { family } = this.maker.words;
    const found = pattern[family].exec(text);
    if (found === null) return null;
    if (family === 6) return { address: found[1] ?? speaker, port: Number(found[2]) };
    const [a, b, c, d, high, low] = found.slice(1);
    return { address: `${a}.${b}.${c}.${d}`, port: Number(high) * 256 + Number(low) };
  }
}
