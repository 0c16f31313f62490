import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openCaptureFile } from '../../src/datapath/index.ts';
import type { LinkTypeCode } from '../../src/wire/index.ts';
import { drain } from '../datapath/pcapfile/build.ts';
import { sharedFile } from '../support/shared.ts';
import { Bench, only, type Report, STATEFUL } from './support.ts';

interface Announced {
  readonly frame: number;
  readonly kind: string;
  readonly client: string;
  readonly server: string;
  readonly control: readonly [number, number];
  readonly addr: string;
  readonly port: number;
  readonly peer_match: boolean;
  readonly data_syn_frame: number | null;
}

const directory = sharedFile('captures');
const skip = directory === null ? 'no shared/captures beside the repository' : false;

function truth(): Record<string, { announced: readonly Announced[] }> {
  return JSON.parse(readFileSync(join(directory!, 'truth.json'), 'utf8'));
}

/** What the replay must say of an announcement that names its sender. */
function expectationOf(a: Announced): Partial<Report> {
  const byClient = a.kind === 'PORT' || a.kind === 'EPRT';
  return {
    type: 'expect',
    event: 'NEW',
    n: a.frame,
    kind: a.kind,
    src: byClient ? a.server : a.client,
    dst: a.addr,
    dport: a.port,
    master: { src: a.client, dst: a.server, sport: a.control[0], dport: a.control[1] },
  };
}

/** Why an announcement that does not name its sender is refused. */
function reasonOf({ addr, client }: Announced): string {
  return addr.includes(':') === client.includes(':') ? 'address-mismatch' : 'family-mismatch';
}

function check(reports: readonly Report[], announced: readonly Announced[]): void {
  const good = announced.filter((a) => a.peer_match);
  const news = only(reports, 'expect').filter(({ event }) => event === 'NEW');
  assert.deepEqual(news, good.map(expectationOf));
  const bad = announced.filter((a) => !a.peer_match);
  assert.deepEqual(
    only(reports, 'refused').map(({ n, kind, reason }) => ({ n, kind, reason })),
    bad.map((a) => ({ n: a.frame, kind: a.kind, reason: reasonOf(a) })),
  );
  const packets = only(reports, 'packet');
  for (const { data_syn_frame: syn } of good) {
    if (syn === null) continue;
    const { n, ctstate, verdict } = packets[syn - 1]!;
    assert.deepEqual({ n, ctstate, verdict }, { n: syn, ctstate: 'RELATED', verdict: 'ACCEPT' });
    assert.ok(reports.some((r) => r.type === 'expect' && r.event === 'DESTROY' && r.n === syn));
  }
}

describe('captures of other projects, against what tshark found in them', { skip }, () => {
  for (const name of skip === false ? Object.keys(truth()).sort() : []) {
    test(name, (t) => {
      const bench = new Bench(t);
      const rules = [bench.file('rules', STATEFUL), bench.file('rules.v6', STATEFUL)];
      const reports = bench.reports({ rules, read: join(directory!, name) });
      check(reports, truth()[name]!.announced);
      const summary = reports.at(-1)!;
      assert.equal(summary.type, 'summary');
      assert.equal(summary.packets, only(reports, 'packet').length);
      assert.equal(summary.accepted + summary.dropped, summary.packets);
      const invalid = only(reports, 'packet').filter(({ ctstate }) => ctstate === 'INVALID');
      assert.deepEqual(invalid, []);
    });

    test(`${name} without its handshake: the lines after the first ones are certain`, (t) => {
      const bench = new Bench(t);
      const rules = [bench.file('rules', STATEFUL), bench.file('rules.v6', STATEFUL)];
      const whole = drain(openCaptureFile(join(directory!, name)));
      const cut = whole.slice(3).map(({ data, originalLength, epochSec, nanos }) => ({
        frame: Uint8Array.from(data),
        originalLength,
        atSec: epochSec - whole[0]!.epochSec + nanos / 1e9,
      }));
      const read = bench.capture('cut.pcap', cut, whole[0]!.linkType as LinkTypeCode);
      const reports = bench.reports({ rules, read });
      check(
        reports,
        truth()[name]!.announced.map((a) => ({
          ...a,
          frame: a.frame - 3,
          data_syn_frame: a.data_syn_frame === null ? null : a.data_syn_frame - 3,
        })),
      );
    });
  }

  test('every capture is in the list', () => {
    const files = readdirSync(directory!).filter((name) => name.endsWith('.pcap'));
    assert.deepEqual(files.sort(), Object.keys(truth()).sort());
  });
});
