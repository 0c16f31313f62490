/** The engine in memory with the same rules and routes, and what it says of itself. */
import { RouteKind, trackReasonName, Outcome as Verdict } from '../../../../src/engine/index.ts';
import { helperName } from '../../../../src/helpers/index.ts';
import { formatAddress } from '../../../../src/wire/index.ts';
import { ftpWith } from '../../../support/ftp-options.ts';
import {
  addressWords,
  makeGateway,
  START_SEC,
  type TestGateway,
} from '../../../support/gateway.ts';
import { tupleOf } from '../../tracking/engine.ts';
import type { WantedTuple } from '../../tracking/kernel.ts';
import type { Side } from '../words.ts';
import type { KernelExpectation, Shot } from './ends.ts';
import type { Outcome } from './kernel.ts';
import { routesOf, rulesOf } from './paths.ts';

const devices = { lan: 'lan0', wan: 'wan0' } as const;
const interfaces = {
  lan0: ['192.168.77.1/24', 'fd77:1::1/64'],
  wan0: ['203.0.113.1/24', '2001:db8:77::1/64'],
};

export class FtpEngine {
  private readonly gateway: TestGateway;

  constructor(loose: boolean) {
    this.gateway = makeGateway({
      rules: rulesOf(4),
      rules6: rulesOf(6),
      interfaces,
      defaultOut: '',
      settings: { ftp: ftpWith({}, { mode: 'kernel', loose }), ftpPorts: [] },
    });
    for (const family of [4, 6] as const) this.addRoutes(family);
  }

  forget(): void {
    this.gateway.engine.tracking.conntrack.flush();
  }

  /** The same frame at the same time as the kernel got it. */
  shoot({ side, frame, masters }: Shot, atSec: number): Omit<Outcome, 'atSec'> {
    const { gateway } = this;
    const sinceStart = atSec - START_SEC;
    gateway.now(Math.floor(sinceStart), Math.floor((sinceStart % 1) * 1e6));
    const left = gateway.datapath.inject(devices[side], frame);
    const out: Record<Side, string[]> = { lan: [], wan: [] };
    if (left.outcome === Verdict.Forward) {
      const frames = left.frames.map((each) => Buffer.from(each).toString('hex'));
      out[left.interfaceName === 'lan0' ? 'lan' : 'wan'].push(...frames);
    }
    return { out, expectations: masters.map((master) => this.expectationsOf(master)) };
  }

  /** Why the last frame met its end. */
  get reason(): string {
    const { flight } = this.gateway.engine;
    return `drop reason '${flight.reasonName()}', tracking '${trackReasonName(flight.trackReason)}'`;
  }

  private expectationsOf(master: WantedTuple): KernelExpectation[] {
    const { conntrack } = this.gateway.engine.tracking;
    const ref = conntrack.lookup(tupleOf(master));
    if (ref < 0) return [];
    return conntrack.expectations.ofMaster(ref >> 1).map((e) => {
      const text = (words: readonly number[]) =>
        formatAddress(e.family, words[0]!, words[1]!, words[2]!, words[3]!);
      return {
        tuple: [text(e.src), text(e.dst), e.protocol, e.sport, e.dport],
        timeout: Math.ceil(((e.expiresAt - this.gateway.clock.ms) | 0) / 1000),
        helper: helperName(e.helper),
        flags: e.flags,
        class: e.class,
        // The kernel says nothing of it where all of it is 0.
        nat: e.followsMasterNat && e.savedPort !== 0 ? [e.direction, e.savedPort] : null,
      };
    });
  }

  private addRoutes(family: 4 | 6): void {
    const { routes, interfaces: known } = this.gateway.datapath;
    for (const [prefix, side, via] of routesOf(family)) {
      const [address = '', length = ''] = prefix.split('/');
      routes.addRoute({
        family,
        prefix: addressWords(address),
        prefixLength: Number(length),
        kind: RouteKind.Forward,
        outIf: known.id(devices[side]),
        via: addressWords(via),
      });
    }
  }
}
