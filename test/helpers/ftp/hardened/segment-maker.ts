import type { Prng } from '../../../../src/base/index.ts';

export interface FuzzEnds {
  readonly client: string;
  readonly server: string;
  readonly outside: string;
  readonly known: string;
}

const PLAIN_COMMANDS = [
  'NOOP',
  'PWD',
  'TYPE I',
  'LIST',
  'RETR some/file.txt',
  'STOR ../up.bin',
  'STAT',
  'SYST',
  'FEAT',
  'AUTH GSSAPI',
  'EPSV ALL',
  'ABOR',
  'QUIT',
  'CWD x',
  '',
  'USER anonymous',
  'PASS secret',
  'REIN',
  'SITE HELP',
];
const PLAIN_REPLIES = [
  '200 ok',
  '150 opening',
  '226 done',
  '331 more',
  '230 in',
  '220 hi',
  '500 no',
  '425 cannot',
  '421 late',
  '234 tls',
  '211-status',
  '211 end',
  ' 227 text',
  'garbage',
  '',
];

/** Makes the segments of a fuzzed control connection: mostly lines, whole, cut and joined. */
export class SegmentMaker {
  private readonly random: Prng;
  private readonly family: 4 | 6;
  private readonly ends: FuzzEnds;
  /** What each end still has to say of a line that was cut. */
  private readonly rest = { C: '', S: '' };
  private asked = '';

  constructor(random: Prng, family: 4 | 6, ends: FuzzEnds) {
    this.random = random;
    this.family = family;
    this.ends = ends;
  }

  /** Another connection begins. */
  begin(): void {
    this.rest.C = '';
    this.rest.S = '220 hi\r\n';
    this.asked = '';
  }

  segment(from: 'C' | 'S'): string {
    const { random, rest } = this;
    let text = rest[from];
    rest[from] = '';
    const lines = text === '' ? 1 + random.below(2) * random.below(3) : 0;
    for (let i = 0; i < lines; i++) text += from === 'C' ? this.command() : this.reply();
    if (random.below(6) === 0) {
      const cut = random.below(text.length + 1);
      rest[from] = text.slice(cut);
      text = text.slice(0, cut);
    }
    if (random.below(40) === 0) text = this.damaged(text);
    return text;
  }

  private command(): string {
    const { random } = this;
    switch (random.below(10)) {
      case 0:
      case 1:
        return this.spoilt(`PORT ${this.sixNumbers()}\r\n`);
      case 2:
        return this.spoilt(`EPRT ${this.eprt()}\r\n`);
      case 3:
        return this.spoilt(`LPRT ${this.longNumbers()}\r\n`);
      case 4:
      case 5: {
        this.asked = ['PASV', 'EPSV', 'LPSV', 'EPSV 1', 'SPSV'][random.below(5)]!;
        return this.spoilt(`${this.asked}\r\n`);
      }
      case 6:
        return this.bytes();
      default:
        return this.spoilt(`${PLAIN_COMMANDS[random.below(PLAIN_COMMANDS.length)]!}\r\n`);
    }
  }

  private reply(): string {
    const { random } = this;
    const { asked } = this;
    if (asked !== '' && random.below(3) > 0) {
      this.asked = '';
      if (asked === 'PASV') return this.spoilt(`227 Entering (${this.sixNumbers()}).\r\n`);
      if (asked === 'LPSV') return this.spoilt(`228 Entering (${this.longNumbers()})\r\n`);
      return this.spoilt(`229 Entering (|||${this.port()}|)\r\n`);
    }
    switch (random.below(12)) {
      case 0:
        return this.spoilt(`227 x (${this.sixNumbers()})\r\n`);
      case 1:
        return this.spoilt(`229 x (|||${this.port()}|)\r\n`);
      case 2:
        return this.bytes();
      default:
        return this.spoilt(`${PLAIN_REPLIES[random.below(PLAIN_REPLIES.length)]!}\r\n`);
    }
  }

  private address(): string {
    const { random, ends } = this;
    const all = [ends.client, ends.server, ends.outside, ends.known];
    if (random.below(8) > 0) return all[random.below(2) * 2 * random.below(2) + random.below(2)]!;
    const strange = ['203.0.113.7', '203.0.113.8', '0.0.0.0', '127.0.0.1', '2001:db8::9', '::'];
    return strange[random.below(strange.length)]!;
  }

  private port(): number {
    const { random } = this;
    const edges = [0, 1, 22, 255, 256, 1023, 1024, 65_535, 65_536, 65_558, 4_294_967_317];
    return random.below(4) === 0 ? edges[random.below(edges.length)]! : 1024 + random.below(60_000);
  }

  private sixNumbers(): string {
    const address = this.address();
    const numbers = address.includes(':') ? '32,1,13,184' : address.replaceAll('.', ',');
    const port = this.port();
    return `${numbers},${Math.floor(port / 256)},${port % 256}`;
  }

  private longNumbers(): string {
    const port = this.port();
    if (this.family === 4) {
      const numbers = this.ends.client.replaceAll('.', ',');
      return `4,4,${numbers},2,${Math.floor(port / 256)},${port % 256}`;
    }
    return `6,16,${'32,1,13,184,0,1,0,0,0,0,0,0,0,0,0,2'},2,${Math.floor(port / 256)},${port % 256}`;
  }

  private eprt(): string {
    const address = this.address();
    const delimiter = ['|', '|', '|', '!', '1', ':'][this.random.below(6)]!;
    const family = address.includes(':') ? 2 : 1;
    return `${delimiter}${family}${delimiter}${address}${delimiter}${this.port()}${delimiter}`;
  }

  /** A line as it is, or with something inserted, left out or doubled. */
  private spoilt(line: string): string {
    const { random } = this;
    if (random.below(5) > 0) return line;
    const at = random.below(line.length + 1);
    const inserts = [
      ' ',
      '\t',
      '\r',
      '\n',
      '\0',
      ',',
      '\xff\xf1',
      '\xff\xfd\x01',
      '\xff',
      '9',
      'x',
    ];
    switch (random.below(3)) {
      case 0:
        return line.slice(0, at) + inserts[random.below(inserts.length)]! + line.slice(at);
      case 1:
        return line.slice(0, at) + line.slice(at + 1);
      default:
        return line + line;
    }
  }

  private damaged(text: string): string {
    const { random } = this;
    const bytes = Buffer.from(text, 'latin1');
    for (let i = 0; i < 3 && bytes.length > 0; i++) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    return bytes.toString('latin1');
  }

  private bytes(): string {
    const { random } = this;
    const length = random.below(20) === 0 ? random.below(1200) : random.below(24);
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(random.below(256));
    return text;
  }
}
