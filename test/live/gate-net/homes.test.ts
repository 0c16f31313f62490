/** Connections of the gateway that OUTPUT turns back to it: their answers pass over lo. */
import { test } from 'node:test';
import { Agent } from '../agent.ts';
import type { Lab } from '../harness.ts';
import { moves, withBulk } from './bulk.ts';
import { address } from './own-rules.ts';
import { sameAsKernel } from './twins.ts';

const rules = `*nat
-A OUTPUT -d ${address.server} -p tcp -m tcp --dport 4310 -j REDIRECT --to-ports 4311
-A OUTPUT -d ${address.server} -p udp -m udp --dport 4312 -j REDIRECT --to-ports 4313
-A OUTPUT -d ${address.server} -p tcp -m tcp --dport 4314 -j DNAT --to-destination ${address.inside}:4315
-A OUTPUT -d ${address.server} -p tcp -m tcp --dport 7071 -j REDIRECT --to-ports 7070
COMMIT
`;
const rules6 = `*nat
-A OUTPUT -d ${address.server6} -p tcp -m tcp --dport 4310 -j REDIRECT --to-ports 4311
-A OUTPUT -d ${address.server6} -p udp -m udp --dport 4312 -j REDIRECT --to-ports 4313
-A OUTPUT -d ${address.server6} -p tcp -m tcp --dport 4314 -j DNAT --to-destination [${address.inside6}]:4315
COMMIT
`;

async function play(lab: Lab): Promise<string[]> {
  const g = await Agent.start(lab, 'gateway');
  const seen: string[] = [];
  const see = async (name: string, step: Promise<unknown>): Promise<void> => {
    const o = await step.then(
      (v) => JSON.stringify(v),
      (e: { code?: string; message: string }) => e.code ?? e.message,
    );
    seen.push(`${name}: ${o}`);
  };
  const tcp = async (host: string, port: number, at: string, atPort: number) => {
    const l = await g.listen({ from: at, fromPort: atPort });
    try {
      const s = await g.connect(host, port, { timeout: 0.8 });
      const a = await g.accept(l);
      await g.send(s, 'to\n');
      const asked = await g.line(a);
      await g.send(a, 'fro\n');
      return [asked, await g.line(s), a.peer];
    } finally {
      await g.close(l);
    }
  };
  const udp = async (host: string, port: number, at: string, atPort: number) => {
    const l = await g.udp({ from: at, fromPort: atPort });
    const s = await g.udp({ host, port });
    await g.sendTo(s, host, port, 'x');
    const got = await g.receive(l, 0.6);
    await g.sendTo(l, got.peer, got.peerPort, 'y');
    const back = await g.receive(s, 0.6);
    return [got.peer, back.text, back.peer, back.peerPort];
  };
  const { server, server6, inside, inside6 } = address;
  await see('tcp', tcp(server, 4310, '127.0.0.1', 4311));
  await see('udp', udp(server, 4312, '127.0.0.1', 4313));
  await see('dnat', tcp(server, 4314, inside, 4315));
  await see('nobody', g.connect(server, 4310, { timeout: 0.8 }));
  await see('tcp6', tcp(server6, 4310, '::1', 4311));
  await see('udp6', udp(server6, 4312, '::1', 4313));
  await see('dnat6', tcp(server6, 4314, inside6, 4315));
  await g.stop();
  await withBulk(lab, 'gateway', '127.0.0.1', async () => {
    for (const how of ['get', 'put'] as const) {
      const m = await moves(lab, 'gateway', how, server, 4 << 20, { port: 7071 });
      seen.push(`${how} ${m.whole} ${m.error}`);
    }
  });
  return seen;
}
test('connections turned home by OUTPUT', async (t) => {
  await sameAsKernel(t, { name: 'homes', rules, rules6, play });
});
