/**
 * Attacks on the helper of a running gateway, each with real sockets at both ends: none of them may
 * open anything.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Daemon, ruleFile, withDaemon } from './daemon.ts';
import { announcement } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, mustRunIn, requireLive, withLab } from './harness.ts';
import { assertClosed, type PuppetAddresses, Puppets } from './puppets.ts';
import { ftpFilter } from './rule-texts.ts';

const v4 = {
  client: '192.168.77.10',
  server: '203.0.113.21',
  /** Second addresses of the two hosts: other hosts, for all that the gateway knows. */
  neighbour: '192.168.77.11',
  stranger: '203.0.113.22',
} as const;
const v6 = {
  client: 'fd77:1::10',
  server: '2001:db8:77::21',
  neighbour: 'fd77:1::11',
  stranger: '2001:db8:77::22',
} as const;

/** A port that an attacker would like to reach, and that nothing else here uses. */
const TARGET = 4450;

interface Scene {
  readonly daemon: Daemon;
  readonly puppets: Puppets;
}

type Attack = (scene: Scene) => Promise<void>;

async function expectsNothing(daemon: Daemon): Promise<void> {
  assert.deepEqual(await daemon.expectations(), []);
}

/** The reason of the last refusal that the gateway has logged. */
function lastReason(daemon: Daemon): string {
  return [...daemon.log().matchAll(/ftp: refused \S+ \(([a-z-]+)\)/g)].at(-1)?.[1] ?? '';
}

async function bounce({ daemon, puppets }: Scene, ends: typeof v4 | typeof v6): Promise<void> {
  const session = await puppets.session();
  const isV6 = ends === v6;
  for (const verb of isV6 ? (['EPRT'] as const) : (['PORT', 'EPRT'] as const)) {
    for (const victim of [ends.neighbour, ends.server, ends.stranger]) {
      const [line] = await session.fromClient(`${announcement(verb, victim, TARGET)}\r\n`);
      assert.match(line!, /^XXXX /);
      await session.fromServer('500 what?\r\n');
      await expectsNothing(daemon);
      assert.equal(lastReason(daemon), 'address-mismatch');
    }
  }
  await session.end();
}

const attacks: Readonly<Record<string, Attack>> = {
  'bounce by PORT and EPRT': (scene) => bounce(scene, v4),

  'a bounce split over segments': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    const line = announcement('PORT', v4.neighbour, TARGET);
    for (const cut of [1, 4, 5, 9, line.length - 1]) {
      await session.piece('client', line.slice(0, cut));
      const [arrived] = await session.fromClient(`${line.slice(cut)}\r\n`);
      assert.match(arrived!, /^X+/);
      await expectsNothing(daemon);
      await session.fromServer('500 what?\r\n');
    }
    await session.end();
  },

  'a 227 echoed in an error, cut so that it begins a segment': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    const echo = `227 (${v4.server.replaceAll('.', ',')},17,98)`;
    await session.fromClient(`${echo}\r\n`);
    await session.piece('server', "500 '");
    await session.fromServer(`${echo}': what?\r\n`);
    await expectsNothing(daemon);
    // The echo of a command with a line end in it, on a line of its own.
    await session.fromClient('RETR x\r\n');
    await session.fromServer('550 x\r\n');
    await session.fromServer(`${echo}\r\n`);
    await expectsNothing(daemon);
    assert.equal(lastReason(daemon), 'not-asked');
    await assertClosed(puppets.client, v4.client, v4.server, TARGET);
    await session.end();
  },

  'a 227 inside the output of STAT': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    await session.fromClient('STAT\r\n');
    await session.fromServer('211-status of\r\n');
    await session.fromServer(`227 (${v4.server.replaceAll('.', ',')},17,98)\r\n`);
    await session.fromServer('211 end\r\n');
    await expectsNothing(daemon);
    assert.equal(lastReason(daemon), 'inside-multiline-reply');
    await assertClosed(puppets.client, v4.client, v4.server, TARGET);
    await session.end();
  },

  'low ports': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    await session.fromClient(`${announcement('PORT', v4.client, 22)}\r\n`);
    await session.fromServer('500 what?\r\n');
    await expectsNothing(daemon);
    await session.fromClient('PASV\r\n');
    await session.fromServer(`227 (${v4.server.replaceAll('.', ',')},0,22)\r\n`);
    await expectsNothing(daemon);
    await session.fromClient('EPSV\r\n');
    await session.fromServer('229 x (|||22|)\r\n');
    await expectsNothing(daemon);
    assert.equal(lastReason(daemon), 'port-below-minimum');
    await session.end();
  },

  'numbers that overflow': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    const own = v4.client.replaceAll('.', ',');
    for (const line of [
      `PORT ${own},256,22`,
      `PORT ${own},0,8080`,
      `EPRT |1|${v4.client}|65558|`,
    ]) {
      await session.fromClient(`${line}\r\n`);
      await session.fromServer('500 what?\r\n');
      await expectsNothing(daemon);
      assert.equal(lastReason(daemon), 'number-out-of-range');
    }
    await session.end();
  },

  'port stealing by a second client': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    const { server, client } = puppets;
    const data = await server.listen({ from: v4.server, fromPort: 50_001 });
    await session.fromClient('PASV\r\n');
    await session.fromServer(`227 (${v4.server.replaceAll('.', ',')},195,81)\r\n`);
    await assertClosed(client, v4.neighbour, v4.server, 50_001);
    // The hole is still there, for the client that asked for it.
    await client.close(await client.connect(v4.server, 50_001, { from: v4.client }));
    await expectsNothing(daemon);
    await server.close(data);
    await session.end();
  },

  'a flood of PORTs': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    let flood = '';
    for (let i = 0; i < 300; i++) flood += `${announcement('PORT', v4.client, 20_000 + i)}\r\n`;
    await session.fromClient(flood);
    assert.ok((await daemon.expectations()).length <= 1);
    assert.equal(lastReason(daemon), 'limit');
    await session.end();
  },

  'a hole kept after the control connection has closed': async ({ daemon, puppets }) => {
    const { client, server } = puppets;
    for (const how of ['finish', 'reset'] as const) {
      const session = await puppets.session();
      const listener = await client.listen({ from: v4.client });
      await session.fromClient(`${announcement('PORT', v4.client, listener.port)}\r\n`);
      assert.equal((await daemon.expectations()).length, 1);
      await client[how](session.near);
      assert.equal(
        await server.codeOf(server.line(session.far)),
        how === 'finish' ? 'EOF' : 'ECONNRESET',
      );
      await expectsNothing(daemon);
      await assertClosed(server, v4.server, v4.client, listener.port);
      await client.close(listener);
    }
  },

  'data from a third host': async ({ daemon, puppets }) => {
    const { client, server } = puppets;
    const session = await puppets.session();
    const listener = await client.listen({ from: v4.client });
    await session.fromClient(`${announcement('PORT', v4.client, listener.port)}\r\n`);
    await assertClosed(server, v4.stranger, v4.client, listener.port);
    assert.equal((await daemon.expectations()).length, 1);
    await client.close(listener);
    await session.end();
  },

  'slipstreaming: a browser that is made to speak': async ({ daemon, puppets }) => {
    const session = await puppets.connect();
    await session.fromServer('220 hi\r\n');
    const head = 'POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9999\r\n\r\n';
    await session.fromClient(head);
    await session.fromServer('331 go on\r\n230 in\r\n');
    // The body is padded so that the line begins a segment.
    await session.fromClient(`${'x'.repeat(1200)}\r\n`);
    await session.fromClient(`${announcement('PORT', v4.client, TARGET)}\r\n`);
    await expectsNothing(daemon);
    assert.equal(lastReason(daemon), 'not-ftp');
    await assertClosed(puppets.server, v4.server, v4.client, TARGET);
    await session.end();
  },

  'Telnet tricks': async ({ daemon, puppets }) => {
    const session = await puppets.session();
    const evil = announcement('PORT', v4.neighbour, TARGET);
    for (const line of [
      `\xff\xf1${evil}`,
      `PO\xff\xf1RT${evil.slice(4)}`,
      `\xff\xfd\x01${evil}`,
      `NOOP\r${evil}`,
      `NOOP\0${evil}`,
    ]) {
      const [arrived] = await session.fromClient(`${line}\r\n`);
      assert.ok(!arrived!.includes('PORT'), JSON.stringify(arrived));
      await session.fromServer('500 what?\r\n');
      await expectsNothing(daemon);
    }
    await session.end();
  },
};

async function withScene(
  lab: Lab,
  addresses: PuppetAddresses,
  fn: (scene: Scene) => Promise<void>,
): Promise<void> {
  await Puppets.with(lab, addresses, (puppets) => {
    const files = ['rules.v4', 'rules.v6'].map((name) => ruleFile(lab, ftpFilter(), name));
    return withDaemon(lab, files, {}, (daemon) => fn({ daemon, puppets }));
  });
}

test('attacks on the FTP helper', async (t) => {
  if (!requireLive(t, ['python3', ...gatewayPrograms()])) return;
  await withLab('lt-attacks', { ftpd: false }, async (lab) => {
    for (const { neighbour, stranger } of [v4, v6]) {
      const prefix = neighbour.includes(':') ? '/64' : '/24';
      const nodad = neighbour.includes(':') ? ['nodad'] : [];
      await mustRunIn(lab, 'client', [
        'ip',
        'addr',
        'add',
        neighbour + prefix,
        'dev',
        'eth0',
        ...nodad,
      ]);
      await mustRunIn(lab, 'server', [
        'ip',
        'addr',
        'add',
        stranger + prefix,
        'dev',
        'eth0',
        ...nodad,
      ]);
    }
    await withScene(lab, v4, async (scene) => {
      for (const [name, attack] of Object.entries(attacks)) await t.test(name, () => attack(scene));
    });
    await withScene(lab, v6, async (scene) => {
      await t.test('bounce by EPRT over IPv6', () => bounce(scene, v6));
    });
  });
});
