/** A random dialogue: one control connection or two, and data connections to what they announce. */
import { mix32, mixFinish, Prng } from '../../../../src/base/index.ts';
import { destinationOptions, hopByHop, type NetworkOptions } from '../../../support/packets.ts';
import { pick } from '../dialogue.ts';
import { type FamilyNumber, otherSide, type Side } from '../words.ts';
import {
  answererOf,
  Connection,
  End,
  type KernelExpectation,
  type Ledger,
  type Play,
} from './ends.ts';
import { announcement, randomLine, type Speaker } from './grammar.ts';
import { randomPort, seldom } from './numbers.ts';
import { type Path, randomPath } from './paths.ts';

const warmth = [
  ['<220 hi\r\n', '>USER anonymous\r\n', '<331 send it\r\n', '>PASS secret\r\n', '<230 in\r\n'],
  ['<220 hi\r\n', '>USER anonymous\r\n'],
  ['>USER anonymous\r\n', '<331 send it\r\n'],
  ['<220 hi\r\n'],
  ['>USER anonymous\r\n'],
  ['<220 hi', '>USER a\n'],
  ['<220-hi\r\n220 there\r\n', '>USER a\r\nPASS b\r\n'],
  [],
];
/** What is said within a handshake. */
const talkative = [
  ['', '220 hi\r\n', ''],
  ['', '', 'USER a\r\n'],
  ['USER a\r\n', '220 hi\r\n', ''],
  ['', '220 hi\r\n', 'USER a\r\n'],
];
const timestamps = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1]);
const synOptions = Uint8Array.from([2, 4, 5, 180, 4, 2, 1, 3, 3, 7]);

/** Headers that are seldom seen, and padding behind the datagram. */
const rare: Readonly<Record<FamilyNumber, readonly Partial<NetworkOptions>[]>> = {
  4: [{ ipOptions: Uint8Array.of(1, 1, 1, 1) }, { padTo: 120 }, { tos: 0x10 }],
  6: [
    { extensions: [destinationOptions()] },
    { extensions: [hopByHop(), destinationOptions()] },
    { padTo: 160 },
  ],
};

interface Sent {
  readonly from: End;
  readonly seq: number;
  readonly payload: string;
}

export class RandomDialogue {
  readonly path: Path;
  private readonly random: Prng;
  private readonly ledger: Ledger = { masters: [], known: [] };
  private readonly histories = new Map<Connection, Sent[]>();
  private readonly announced: { port: number }[] = [];
  private readonly firstPort: number;
  private dataPorts: number;

  constructor(seed: number, serial: number, slot: number) {
    this.random = new Prng(mixFinish(mix32(mixFinish(mix32(1, seed)), serial)));
    this.path = randomPath(this.random, slot);
    this.firstPort = 1024 + ((serial * 2) % 30_000);
    this.dataPorts = 40_000 + this.random.below(20_000);
  }

  *play(): Play {
    const { random } = this;
    const first = yield* this.begin(0);
    const second = seldom(random, 6) ? yield* this.begin(1) : first;
    const turns = 2 + random.below(6);
    for (let turn = 0; turn < turns; turn++) {
      if (first !== second && seldom(random, 3)) yield* this.rivalry(first, second);
      else yield* this.turn(seldom(random, 2) ? first : second);
    }
    if (seldom(random, 8)) yield* this.end(first);
  }

  /** Opens a control connection, and lets it exchange a line or two. */
  private *begin(number: 0 | 1): Play<Connection> {
    const { random } = this;
    const control = this.connection(number);
    this.ledger.masters = [...this.ledger.masters, control.tuple];
    this.histories.set(control, []);
    if (seldom(random, 20)) yield* this.pickUp(control);
    else {
      const said = seldom(random, 12) ? pick(random, talkative) : [];
      yield* control.handshake(said, seldom(random, 3) ? { options: synOptions } : {});
    }
    const said = random.below(3) === 0 ? pick(random, warmth) : warmth[0]!;
    for (const line of said) {
      const from = line.startsWith('>') ? control.opener : control.answerer;
      yield* this.say(control, from, line.slice(1));
      if (seldom(random, 6)) yield* control.send(control.peerOf(from), '');
    }
    return control;
  }

  /** The gateway sees nothing of the handshake. */
  private *pickUp(control: Connection): Play {
    const { opener, answerer } = control;
    opener.expected = answerer.next;
    const said = seldom(this.random, 2) ? 'NOOP\r\n' : '';
    const { packet } = yield* control.send(opener, said);
    if (packet === null) return;
    answerer.peerAddress = packet.src;
    answerer.peerPort = packet.sport;
    answerer.expected = opener.next;
  }

  private connection(number: 0 | 1): Connection {
    const { random, path } = this;
    const client = path.clients[seldom(random, 2) ? number : 0];
    const port = this.firstPort + number;
    const { target, targetPort, server, serverPort, outside } = path;
    const opener = { address: client, port, peerAddress: target, peerPort: targetPort };
    const peerAddress = outside ?? client;
    const answerer = { address: server, port: serverPort, peerAddress, peerPort: port };
    return new Connection(
      new End('lan', opener, this.sequenceNumber()),
      new End('wan', answerer, this.sequenceNumber()),
      this.ledger,
    );
  }

  /** Often such as will soon wrap, as signed or unsigned numbers. */
  private sequenceNumber(): number {
    const { random } = this;
    return pick(random, [random.next(), random.next(), 2 ** 32 - 60, 2 ** 31 - 60, 5000]);
  }

  private *turn(control: Connection): Play {
    const { random } = this;
    const from = random.below(2) === 0 ? control.opener : control.answerer;
    const line = randomLine(random, this.speaker(control, from));
    const pieces = this.cut(line);
    if (pieces.length > 1 && seldom(random, 6)) yield* this.outOfOrder(control, from, pieces);
    else for (const piece of pieces) yield* this.say(control, from, piece);
    const peer = control.peerOf(from);
    if (seldom(random, 4)) yield* control.send(peer, '');
    if (seldom(random, 5)) {
      for (let times = 1 + random.below(3); times > 0; times--) yield* this.again(control);
    }
    if (seldom(random, 3)) {
      yield* this.say(control, peer, peer === control.opener ? 'NOOP\r\n' : '200 ok\r\n');
    }
    if (seldom(random, 3)) yield* this.data();
  }

  /** Both announce the same port, most often with the same address to it. */
  private *rivalry(first: Connection, second: Connection): Play {
    const { random } = this;
    const { family } = this.path;
    const port = seldom(random, 3) ? 65_526 + random.below(10) : randomPort(random);
    const fromClient = random.below(2) === 0;
    for (const control of seldom(random, 2) ? [first, second] : [second, first]) {
      const from = fromClient ? control.opener : control.answerer;
      yield* this.say(control, from, announcement(family, fromClient, from.address, port));
      if (seldom(random, 6)) yield* this.data();
    }
    if (seldom(random, 3)) yield* this.again(second);
    if (seldom(random, 2)) yield* this.data();
  }

  private speaker(control: Connection, from: End): Speaker {
    const peer = control.peerOf(from);
    return {
      family: this.path.family,
      isClient: from === control.opener,
      own: from.address,
      others: [
        from.peerAddress,
        peer.peerAddress,
        peer.address,
        ...Object.values(this.path.strangers),
      ],
      announced: this.announced,
    };
  }

  /** Whole most often, else in two or three pieces. */
  private cut(line: string): string[] {
    const { random } = this;
    if (line.length < 2 || random.below(6) !== 0) return line === '' ? [] : [line];
    const at = 1 + random.below(line.length - 1);
    const [head, tail] = [line.slice(0, at), line.slice(at)];
    return tail.length < 2 || seldom(random, 2) ? [head, tail] : [head, ...this.cut(tail)];
  }

  private *outOfOrder(control: Connection, from: End, pieces: readonly string[]): Play {
    const begin = from.next;
    const placed = pieces.map((payload, i) => ({
      from,
      payload,
      seq: (begin + pieces.slice(0, i).join('').length) >>> 0,
    }));
    for (const { payload, seq } of [...placed].reverse())
      yield* control.send(from, payload, { seq });
    this.histories.get(control)!.push(...placed);
    from.next = (begin + pieces.join('').length) >>> 0;
  }

  private *say(control: Connection, from: End, payload: string): Play {
    if (payload === '') return;
    this.histories.get(control)!.push({ from, seq: from.next, payload });
    const { random } = this;
    const more = seldom(random, 10) ? { options: timestamps } : {};
    const network = seldom(random, 10) ? pick(random, rare[this.path.family]) : {};
    const flags = seldom(random, 30) ? pick(random, ['A', 'FPA', 'UPA']) : 'PA';
    yield* control.send(from, payload, { ...more, flags, network });
  }

  /** A retransmission: as it was, only a part, or with what came behind it. */
  private *again(control: Connection): Play {
    const { random } = this;
    const history = this.histories.get(control)!;
    const at =
      history.length - 1 - random.below(Math.min(seldom(random, 3) ? 10 : 4, history.length));
    const sent = history[at];
    if (sent === undefined) return;
    const { from, seq, payload } = sent;
    const next = history.slice(at + 1).find((later) => later.from === from);
    const cut = random.below(payload.length);
    const [offset, text] = pick(random, [
      [0, payload],
      [0, payload],
      [0, payload],
      [cut, payload.slice(cut)],
      [0, payload.slice(0, cut)],
      [0, `${payload}${next?.payload ?? ''}`],
      [cut, `${payload.slice(cut)}${next?.payload ?? ''}`],
    ] as const);
    if (text !== '') yield* control.send(from, text, { seq: (seq + offset) >>> 0 });
  }

  /** Somebody connects to what is expected, or not quite. */
  private *data(): Play {
    const { random } = this;
    const { known } = this.ledger;
    if (known.length === 0) return;
    const expectation = pick(random, known);
    if (seldom(random, 4)) yield* this.connect(expectation, 'stranger');
    if (seldom(random, 6)) yield* this.connect(expectation, 'other port');
    yield* this.connect(expectation, 'as announced');
    if (seldom(random, 2)) yield* this.connect(expectation, 'as announced');
  }

  private *connect(
    { tuple }: KernelExpectation,
    how: 'as announced' | 'stranger' | 'other port',
  ): Play {
    const { random, path } = this;
    const [src, dst, , , dport] = tuple;
    const isClient = path.clients.includes(src);
    const side: Side = isClient ? 'lan' : 'wan';
    const port = seldom(random, 2) && !isClient ? 20 : this.dataPorts++;
    const opener = new End(
      side,
      {
        address: how === 'stranger' ? path.strangers[side] : src,
        port,
        peerAddress: dst,
        peerPort: how === 'other port' ? (dport + 1) & 0xffff : dport,
      },
      this.sequenceNumber(),
    );
    const nobody = { address: dst, port: dport, peerAddress: src, peerPort: port };
    const alone = new Connection(opener, new End(otherSide[side], nobody, 0), this.ledger, true);
    const { packet } = yield* alone.send(opener, '', { flags: 'S' });
    if (packet === null) return;
    const answerer = answererOf(packet, side, this.sequenceNumber());
    const data = new Connection(opener, answerer, this.ledger, true);
    answerer.hears(packet);
    const answered = yield* data.send(answerer, '', { flags: 'SA' });
    if (answered.packet === null) return;
    yield* data.send(opener, '');
    yield* data.send(pick(random, [opener, answerer]), 'PORT 1,2,3,4,5,6\r\n');
    if (seldom(random, 3)) yield* data.send(opener, '', { flags: 'FA' });
  }

  /** The control connection ends; what it announced lives on for a while. */
  private *end(control: Connection): Play {
    const { random } = this;
    const from = random.below(2) === 0 ? control.opener : control.answerer;
    if (seldom(random, 2)) yield* control.send(from, '', { flags: 'RA' });
    else {
      yield* control.send(from, seldom(random, 3) ? 'QUIT\r\n' : '', { flags: 'FA' });
      yield* control.send(control.peerOf(from), '', { flags: 'FA' });
      yield* control.send(from, '');
    }
    yield* this.data();
  }
}
