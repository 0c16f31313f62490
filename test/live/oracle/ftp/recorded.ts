/** Dialogues that were recorded on a kernel, as plays of the oracle. */
import { formatAddress } from '../../../../src/wire/index.ts';
import { addressWords } from '../../../support/gateway.ts';
import { Connection, End, type KernelExpectation, type Play } from './ends.ts';
import { recorded } from './paths.ts';
import type { Playable } from './twin.ts';

export interface Vector {
  readonly name: string;
  readonly steps: readonly (readonly ['C' | 'S', string])[];
  readonly ipv6: boolean;
  readonly warm: boolean;
  readonly nat: 'plain' | 'snat';
  readonly kernel: {
    readonly verdicts: readonly (string | { readonly rewritten: string })[];
    readonly expectations: readonly { src: string; dst: string; dport: number }[];
  };
}

const login = [
  ['S', '220 hi\r\n'],
  ['C', 'USER anonymous\r\n'],
  ['S', '331 send it\r\n'],
  ['C', 'PASS secret\r\n'],
  ['S', '230 in\r\n'],
] as const;

/** What became of the steps, in the words of the record. */
export interface Course {
  readonly verdicts: string[];
  expectations: string[];
}

export class RecordedDialogue implements Playable {
  readonly name: string;
  readonly course: Course = { verdicts: [], expectations: [] };
  private readonly vector: Vector;

  constructor(vector: Vector) {
    this.name = vector.name;
    this.vector = vector;
  }

  /** What the record says of it. */
  get expected(): Course {
    const { verdicts, expectations } = this.vector.kernel;
    return {
      verdicts: verdicts.map((each) => (typeof each === 'string' ? each : each.rewritten)),
      expectations: expectations.map(
        ({ src, dst, dport }) => `${canonical(src)}>${canonical(dst)}:${dport}`,
      ),
    };
  }

  *play(): Play {
    const { steps, warm } = this.vector;
    const control = this.connection();
    yield* control.handshake();
    for (const [who, text] of warm ? login : []) {
      yield* control.send(who === 'C' ? control.opener : control.answerer, text);
    }
    const stalled = new Set<string>();
    for (const [who, text] of steps) {
      const from = who === 'C' ? control.opener : control.answerer;
      const { packet, expectations } = yield* control.send(from, text);
      // Sockets were asked for the record: behind a lost segment nothing is read any more.
      if (packet === null) stalled.add(who);
      const isRead = packet !== null && !stalled.has(who);
      if (!isRead) this.course.verdicts.push('drop');
      else this.course.verdicts.push(packet.text === text ? 'pass' : packet.text);
      this.course.expectations = expectations.flat().map(expectationText);
    }
  }

  private connection(): Connection {
    const { ipv6, nat } = this.vector;
    const { client, server, outside } = recorded[ipv6 ? 6 : 4];
    const port = nat === 'snat' ? recorded.translatedPort : recorded.plainPort;
    const opener = { address: client, port, peerAddress: server, peerPort: 21 };
    const peerAddress = nat === 'snat' ? outside : client;
    const answerer = { address: server, port: 21, peerAddress, peerPort: port };
    const ledger = { masters: [] as Connection['tuple'][], known: [] };
    const control = new Connection(
      new End('lan', opener, 0xffff_ffc0),
      new End('wan', answerer, 5000),
      ledger,
    );
    ledger.masters.push(control.tuple);
    return control;
  }
}

function canonical(text: string): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(text);
  return formatAddress(text.includes(':') ? 6 : 4, w0, w1, w2, w3);
}

const expectationText = ({ tuple: [src, dst, , , dport] }: KernelExpectation) =>
  `${src}>${dst}:${dport}`;
