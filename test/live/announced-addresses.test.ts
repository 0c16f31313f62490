/**
 * Ends that announce an address which is right already, or none: through a running gateway with
 * translation, with a data connection each.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleFile, withDaemon } from './daemon.ts';
import { announcement } from './ftp-session.ts';
import { gatewayPrograms } from './gateways.ts';
import { type Lab, requireLive, withLab } from './harness.ts';
import { Puppets } from './puppets.ts';
import { ftpFilter, masquerade, natTable } from './rule-texts.ts';

const client = '192.168.77.10';
const server = '203.0.113.21';
/** What the server sees the client as, and what the client knows the server as. */
const outside = '203.0.113.1';
const known = '198.51.100.21';

const active: Readonly<Record<string, (port: number) => string>> = {
  'the public address, by PORT': (port) => announcement('PORT', outside, port),
  'the public address, by EPRT': (port) => announcement('EPRT', outside, port),
  'no address, by PORT': (port) => announcement('PORT', '0.0.0.0', port),
  'no address, by EPRT': (port) => announcement('EPRT', '0.0.0.0', port),
  'its own address, by PORT': (port) => announcement('PORT', client, port),
};

/** The server connects to where it was told to, and the client gets it. */
async function activeData(puppets: Puppets, line: (port: number) => string): Promise<void> {
  const session = await puppets.session();
  const listener = await puppets.client.listen({ from: client });
  const [told] = await session.fromClient(`${line(listener.port)}\r\n`);
  assert.match(told!, /203[.,]0[.,]113[.,]1[,|]/);
  await session.fromServer('200 ok\r\n');
  const data = await puppets.server.connect(outside, listener.port, { from: server });
  const accepted = await puppets.client.accept(listener);
  assert.equal(accepted.peer, server);
  await puppets.server.close(data);
  await puppets.client.close(listener);
  await session.end();
}

async function passiveData(puppets: Puppets, announced: string): Promise<void> {
  const session = await puppets.session();
  const listener = await puppets.server.listen({ from: server });
  await session.fromClient('PASV\r\n');
  const numbers = `${announced.replaceAll('.', ',')},${listener.port >> 8},${listener.port & 255}`;
  const [told] = await session.fromServer(`227 Entering Passive Mode (${numbers}).\r\n`);
  assert.match(told!, /\(198,51,100,21,/);
  const data = await puppets.client.connect(known, listener.port, { from: client });
  await puppets.server.accept(listener);
  await puppets.client.close(data);
  await puppets.server.close(listener);
  await session.end();
}

function rules(lab: Lab, nat: string): string {
  return ruleFile(lab, nat + ftpFilter());
}

test('addresses that are right already', async (t) => {
  if (!requireLive(t, ['python3', ...gatewayPrograms()])) return;
  await withLab('lt-addresses', { ftpd: false }, async (lab) => {
    await Puppets.with(lab, { client, server }, (puppets) =>
      withDaemon(lab, [rules(lab, masquerade)], {}, async () => {
        for (const [name, line] of Object.entries(active)) {
          await t.test(`the client announces ${name}`, () => activeData(puppets, line));
        }
      }),
    );
    const forward = `-A PREROUTING -i lan0 -d ${known} -p tcp -j DNAT --to-destination ${server}`;
    await Puppets.with(lab, { client, server, target: known }, (puppets) =>
      withDaemon(lab, [rules(lab, natTable(forward))], {}, async () => {
        await t.test('the server announces its public address', () => passiveData(puppets, known));
        await t.test('the server announces its own address', () => passiveData(puppets, server));
      }),
    );
  });
});
