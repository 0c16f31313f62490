/**
 * A control connection through a gateway in memory, past its login, for tests of the FTP helper.
 * Client 10.0.1.2 or 2001:db8:1::2, server 192.0.2.2 or 2001:db8:2::2, the gateway's outside
 * 192.0.2.1 or 2001:db8:2::1.
 */
import { type Expectation, Status } from '../../../src/conntrack/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import type { FtpMode, FtpPolicy } from '../../../src/helpers/index.ts';
import { formatAddress } from '../../../src/wire/index.ts';
import { ftpWith } from '../../support/ftp-options.ts';
import {
  type GatewayOptions,
  type Left,
  makeGateway,
  type TestGateway,
} from '../../support/gateway.ts';
import { type TcpEnd, TcpSession } from '../../support/tcp-session.ts';

export type NatKind = 'plain' | 'snat' | 'dnat';

export interface FtpOptions {
  readonly nat?: NatKind;
  readonly ipv6?: boolean;
  readonly ftp?: FtpPolicy;
  readonly expectMaximum?: number;
  /** Default: hardened. */
  readonly mode?: FtpMode;
  /** Kernel mode: third parties may be announced. */
  readonly loose?: boolean;
}

const FORWARD = [
  '*filter',
  ':FORWARD DROP',
  '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  '-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT',
  'COMMIT',
  '',
];

const SNAT = ['*nat', '-A POSTROUTING -o wan -j SNAT --to-source $OUTSIDE', 'COMMIT'];
/** The server stands inside then, the client outside. */
const DNAT = ['*nat', '-A PREROUTING -i lan -d $PUBLIC -j DNAT --to-destination $SERVER', 'COMMIT'];

const addresses = {
  4: { client: '10.0.1.2', server: '192.0.2.2', outside: '192.0.2.1', public: '10.0.1.1' },
  6: {
    client: '2001:db8:1::2',
    server: '2001:db8:2::2',
    outside: '2001:db8:2::1',
    public: '2001:db8:1::1',
  },
} as const;

export function ftpGateway(options: FtpOptions = {}): TestGateway {
  const ofNat = { plain: [], snat: SNAT, dnat: DNAT }[options.nat ?? 'plain'];
  const rules = (family: 4 | 6) =>
    [...ofNat, ...FORWARD]
      .join('\n')
      .replace('$OUTSIDE', addresses[family].outside)
      .replace('$PUBLIC', addresses[family].public)
      .replace('$SERVER', addresses[family].server);
  const gateway = makeGateway({
    rules: rules(4),
    rules6: rules(6),
    interfaces: {
      lan: ['10.0.1.1/24', '2001:db8:1::1/64'],
      wan: ['192.0.2.1/24', '2001:db8:2::1/64'],
    },
    ...settingsOf(options),
  });
  if (options.ftp !== undefined) gateway.engine.tracking.ftp.policy = options.ftp;
  return gateway;
}

function settingsOf({ mode, loose = false }: FtpOptions): Pick<GatewayOptions, 'settings'> {
  return mode === undefined ? {} : { settings: { ftp: ftpWith({}, { mode, loose }) } };
}

export interface ControlOptions {
  readonly clientPort?: number;
  readonly clientAddress?: string;
  /** Exchange greeting and login, one segment a line. Default true. */
  readonly warm?: boolean;
}

/** One control connection and what can be asked about it. */
export class ControlSession extends TcpSession {
  readonly around: TestGateway;

  constructor(gateway: TestGateway, ftp: FtpOptions, options: ControlOptions) {
    const ends = addresses[ftp.ipv6 === true ? 6 : 4];
    super(gateway, {
      client: {
        address: options.clientAddress ?? ends.client,
        port: options.clientPort ?? 50_940,
        iss: 0xffff_ffc0,
      },
      server: { address: ends.server, port: 21, iss: 5000 },
      ...(ftp.nat === 'dnat' ? { target: { address: ends.public, port: 21 } } : {}),
    });
    this.around = gateway;
    this.connect();
    if (options.warm ?? true) this.login();
  }

  private login(): void {
    this.serverSays('220 hi\r\n');
    this.clientSays('USER anonymous\r\n');
    this.serverSays('331 send it\r\n');
    this.clientSays('PASS secret\r\n');
    this.serverSays('230 in\r\n');
  }

  /** What became of a segment: `pass`, `drop`, `reset`, `hold`, or the text as it went on. */
  step(from: 'C' | 'S', text: string): string {
    return this.verdictOf(from === 'C' ? this.clientSays(text) : this.serverSays(text), text);
  }

  /** The same for a segment at `seq`, whatever the ends' books say. */
  stepAt(from: TcpEnd, seq: number, text: string): string {
    return this.verdictOf(this.inject(from, { payload: text, flags: 'PA', seq }), text);
  }

  private verdictOf(left: Left, text: string): string {
    if (left.outcome === Outcome.Hold) return 'hold';
    if (left.outcome !== Outcome.Forward) return left.reason === 'ftp-reset' ? 'reset' : 'drop';
    // Kept back, all but the acknowledgement that came with it.
    if (left.seen!.text === '' && text !== '') return 'hold';
    return left.seen!.text === text ? 'pass' : left.seen!.text;
  }

  /** `src>dst:port` of each living expectation. */
  expected(): string[] {
    return this.around.engine.tracking.conntrack.expectations.all().map(expectationText);
  }

  /** `reason action "line"` of each refusal so far. */
  refusals(): string[] {
    return this.around.refusals.map((r) => `${r.kind} ${r.reason} ${r.action} "${r.line}"`);
  }

  /** The state that a data SYN is seen in: RELATED, NEW, and whether it passed. */
  dataSyn(from: TcpEnd, sport: number, dst: string, dport: number): Left {
    return this.inject(from, { sport, dst, dport, flags: 'S', seq: 77, ack: 0 });
  }
}

function expectationText({ family, src, dst, dport }: Expectation): string {
  return `${formatAddress(family, ...src)}>${formatAddress(family, ...dst)}:${dport}`;
}

/** A gateway and one control connection through it. */
export function ftpSession(ftp: FtpOptions = {}, options: ControlOptions = {}): ControlSession {
  return new ControlSession(ftpGateway(ftp), ftp, options);
}

/** True where the last packet's connection was announced. */
export function isExpected(gateway: TestGateway): boolean {
  const { table } = gateway.engine.tracking.conntrack;
  return table.hasStatus(gateway.engine.flight.row, Status.Expected);
}
