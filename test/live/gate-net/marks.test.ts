/** Marks that sockets of the gateway put on their packets: rules and routes go by them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent, type SocketOptions } from '../agent.ts';
import type { Daemon } from '../daemon.ts';
import { type Lab, mustRunIn } from '../harness.ts';
import { moves, withBulk } from './bulk.ts';
import { address } from './own-rules.ts';
import { gateCounters, sameAsKernel } from './twins.ts';

/** Only what bears the right mark passes; what answers it has the mark of the connection. */
const filter = `*filter
:INPUT DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -p tcp -m connmark --mark 0x17 -j ACCEPT
-A INPUT -p udp -m udp --sport 4605 -j ACCEPT
-A OUTPUT -p tcp -m mark --mark 0x17 -j ACCEPT
-A OUTPUT -p udp -m mark --mark 0x18/0xf8 -j ACCEPT
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT
COMMIT
`;
const mangle = `*mangle
-A OUTPUT -p tcp -m mark ! --mark 0 -j CONNMARK --save-mark
-A OUTPUT -p udp -m udp --dport 4606 -m mark --mark 0x19 -j MARK --set-mark 0x18
COMMIT
`;
const rules = mangle + filter.replaceAll(/^.*icmp6.*\n/gm, '');
const rules6 = mangle + filter;

/** By default everything to the service's net leaves by the server's side; with the mark by the client's. */
async function prepare(lab: Lab): Promise<void> {
  const batch =
    'route add 198.51.100.0/24 via 203.0.113.21\n' +
    'route add 198.51.100.0/24 via 192.168.77.10 table 77\n' +
    'rule add fwmark 0x18 lookup 77\n';
  await mustRunIn(lab, 'gateway', ['ip', '-batch', '-'], { input: batch });
  for (const place of ['client', 'server'] as const) {
    await mustRunIn(lab, place, ['ip', 'address', 'add', '198.51.100.9/32', 'dev', 'lo']);
  }
  const watch =
    'table netdev watch {\n chain out {\n type filter hook egress device wan0 priority 0;\n' +
    ' meta mark 0x1a counter\n }\n}\n';
  await mustRunIn(lab, 'gateway', ['nft', '-f', '-'], { input: watch });
}

async function play(lab: Lab, daemon: Daemon | null): Promise<string[]> {
  const [client, gateway, server] = await Promise.all([
    Agent.start(lab, 'client'),
    Agent.start(lab, 'gateway'),
    Agent.start(lab, 'server'),
  ]);
  const seen: string[] = [];
  const see = async (name: string, step: Promise<unknown>): Promise<void> => {
    const failure = (error: { code?: string; message: string }) => error.code ?? error.message;
    seen.push(`${name}: ${await step.then(String, failure)}`);
  };
  const talk = async (host: string, options: SocketOptions): Promise<string> => {
    const listener = await server.listen({ from: host, fromPort: 4600 });
    try {
      const socket = await gateway.connect(host, 4600, { timeout: 0.6, ...options });
      const accepted = await server.accept(listener);
      await gateway.send(socket, 'there\n');
      const asked = await server.line(accepted);
      await server.send(accepted, 'back\n');
      return `${asked} ${await gateway.line(socket)}`;
    } finally {
      await server.close(listener);
    }
  };
  /** Who gets a datagram for the address that both sides have. */
  const whoHears = async (port: number, mark: number): Promise<string> => {
    const service = { from: '198.51.100.9', fromPort: port };
    const [left, right] = [await client.udp(service), await server.udp(service)];
    const socket = await gateway.udp({ mark });
    try {
      // What OUTPUT drops, the kernel refuses to its sender (docs/kernel-differences.md).
      await gateway.sendTo(socket, service.from, port, 'asked').catch(() => undefined);
      const wait = (agent: Agent, at: typeof left, name: string) =>
        agent.receive(at, 0.6).then(
          () => name,
          () => '',
        );
      const heard = await Promise.all([
        wait(client, left, 'client'),
        wait(server, right, 'server'),
      ]);
      return heard.join('') || 'nobody';
    } finally {
      await Promise.all([client.close(left), server.close(right), gateway.close(socket)]);
    }
  };
  try {
    for (const host of [address.server, address.server6]) {
      await see('marked', talk(host, { mark: 0x17 }));
      await see('another mark', talk(host, { mark: 0x16 }));
      await see('no mark', talk(host, {}));
    }
    await see('way of the default', whoHears(4605, 0x1a));
    await see('way of the mark', whoHears(4605, 0x18));
    await see('a mark changed to that', whoHears(4606, 0x19));
    await see('a mark not changed', whoHears(4606, 0x1b));
    await see('not marked', whoHears(4605, 0));
    const socket = await gateway.udp({ mark: 0x1a });
    for (let n = 0; n < 10; n++) await gateway.sendTo(socket, address.server, 4607, 'x');
    await see('left with the mark', leftMarked(lab, daemon !== null, 11));
    return seen;
  } finally {
    await Promise.all([client, gateway, server].map((agent) => agent.stop()));
  }
}

/**
 * Packets that left with the mark. With the gate they come by there twice: on their way to the engine,
 * and from there.
 */
async function leftMarked(lab: Lab, byGate: boolean, wanted: number): Promise<number> {
  const count = async (): Promise<number> => {
    const text = await mustRunIn(lab, 'gateway', ['nft', 'list', 'ruleset']);
    return Number(/counter packets (\d+)/.exec(text)?.[1]) / (byGate ? 2 : 1);
  };
  for (let tries = 0; tries < 50 && (await count()) < wanted; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return count();
}

test('rules and routes see the marks of sockets, and the packets keep them', async (t) => {
  await sameAsKernel(t, { name: 'marks', rules, rules6, programs: ['nft'], prepare, play });
});

test('transfers of a marked socket, both ways, whole', async (t) => {
  const play = async (lab: Lab, daemon: Daemon | null): Promise<unknown> =>
    withBulk(lab, 'server', address.server, async () => {
      const seen = [];
      for (const how of ['get', 'put'] as const) {
        const moved = await moves(lab, 'gateway', how, address.server, 4 << 20, { mark: 0x17 });
        seen.push([how, moved.whole, moved.error]);
      }
      const sent = daemon === null ? 1_000 : (await gateCounters(daemon))['kernel.sent']!;
      assert.ok(sent > 100, `${sent} in the kernel part`);
      return seen;
    });
  await sameAsKernel(t, { name: 'marked', rules, play });
});
