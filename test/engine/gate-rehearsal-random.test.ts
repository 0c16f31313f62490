/** Random rules: directions that were handed over unseen, against those with a packet of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import type { DirectionCode } from '../../src/conntrack/index.ts';
import { randomText, sets } from '../rules/steady-rules.ts';
import type { GatewayOptions } from '../support/gateway.ts';
import { makeGated } from './gate-support.ts';
import { assertSameOffers, type Ends, makeOneByOne, Talk } from './gate-twins.ts';

const SEED = 0x9a7e;
const SETS = 50;
const nets = {
  4: {
    links: ['10.0.255.1/16', '10.1.255.1/16', '192.168.255.1/16'],
    hosts: ['10.0.', '10.1.', '192.168.'],
  },
  6: {
    links: ['2001:db8::ff:1/48', '2001:db8:1::ff:1/48', '2001:db8:2::ff:1/48'],
    hosts: ['2001:db8::', '2001:db8:1::', '2001:db8:2::'],
  },
} as const;

const extras = [
  '-A PREROUTING -i eth0 -j MARK --set-mark 1',
  '-A PREROUTING -i eth1 -j MARK --set-mark 2',
  '-A PREROUTING -j CONNMARK --restore-mark',
  '-A POSTROUTING -o eth1 -m mark --mark 1',
  '-A POSTROUTING -o ppp0 -j CONNMARK --save-mark',
  '-A POSTROUTING -m statistic --mode nth --every 2 --packet 0 -o eth0',
];
const nat = [
  '-A POSTROUTING -o eth1 -j MASQUERADE',
  '-A POSTROUTING -o ppp0 -p tcp -j SNAT --to-source 1.2.3.4',
  '-A PREROUTING -i eth0 -p tcp --dport 443 -j REDIRECT --to-ports 80',
];

/** Rules of the generator, with some at the other hooks. */
function rulesOf(family: 4 | 6, random: Prng): string {
  const some = (lines: readonly string[]) => lines.filter(() => random.below(3) === 0);
  const text = randomText(family, random);
  const mangle = text.replace('COMMIT', [...some(extras), 'COMMIT'].join('\n'));
  const lines = some(nat).map((line) =>
    family === 6 ? line.replace('1.2.3.4', '2001:db8:2::ff:9') : line,
  );
  return `${mangle}*nat\n${lines.map((line) => `${line}\n`).join('')}COMMIT\n`;
}

function optionsOf(family: 4 | 6, random: Prng): GatewayOptions {
  const [eth0, eth1, ppp0] = nets[family].links;
  const rules = rulesOf(family, random);
  return {
    ...(family === 4 ? { rules } : { rules6: rules }),
    sets: sets(family),
    interfaces: { eth0, eth1, ppp0 },
    defaultOut: '',
    seed: random.below(2 ** 30),
  };
}

function endsOf(family: 4 | 6, random: Prng): Ends {
  const from = random.below(3);
  const to = (from + 1 + random.below(2)) % 3;
  const separator = family === 4 ? '.' : ':';
  const host = (net: number) =>
    `${nets[family].hosts[net]}${random.below(3)}${separator}${1 + random.below(9)}`;
  return {
    inIf: ['eth0', 'eth1', 'ppp0'][from]!,
    src: host(from),
    dst: host(to),
    sport: 5000 + random.below(400),
    dport: [20, 80, 81, 443, 5000][random.below(5)]!,
  };
}

/**
 * A random set on twins, and on a third one that is offered both directions before the handshake is over.
 * Counts connections, those that were handed over, and those both ways.
 */
function compare(
  family: 4 | 6,
  seed: number,
  found: { talks: number; both: number; some: number; early: number },
) {
  const random = new Prng(seed);
  const options = optionsOf(family, random);
  const [quick, slow, early] = [makeGated(options), makeOneByOne(options), makeGated(options)];
  for (let n = 0; n < 4; n++) {
    const ends = endsOf(family, random);
    const first = random.below(2) as DirectionCode;
    const offered = quick.gate.offers.length;
    const rows = [quick, slow, early].map((gated) => {
      const talk = new Talk(gated, ends);
      const before = gated.gate.offers.length;
      if (!talk.open(gated === early)) return -1;
      if (gated === early && gated.gate.offers.length > before) found.early++;
      const { row } = gated.gateway.engine.flight;
      talk.goOn(first);
      return row;
    });
    const [row = -1] = rows;
    assert.deepEqual(rows, [row, row, row]);
    if (row < 0) continue;
    assertSameOffers(quick, slow, `IPv${family}, seed ${seed}, ${n}`, row);
    assertSameOffers(early, slow, `IPv${family}, seed ${seed}, ${n}, early`, row);
    found.talks++;
    if (quick.gate.actions(row) === 'forward forward') found.both++;
    if (quick.gate.offers.length > offered) found.some++;
  }
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: ${SETS} random rule sets, with rehearsals and without`, () => {
    const found = { talks: 0, both: 0, some: 0, early: 0 };
    for (let n = 0; n < SETS; n++) compare(family, SEED + n * 2 + family, found);
    const text = JSON.stringify(found);
    assert.ok(found.talks > SETS, text);
    assert.ok(found.early > 10, text);
    assert.ok(found.both > 10 && found.both < found.some && found.some < found.talks, text);
  });
}
