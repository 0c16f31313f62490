/** Every hook is enforced, as the kernel does it: the gateway's own packets, and those to it. */
import { test } from 'node:test';
import { Agent } from '../agent.ts';
import type { Daemon } from '../daemon.ts';
import { type Lab, mustRunIn } from '../harness.ts';
import { address, OTHER_UID, own, prepare } from './own-rules.ts';
import { sameAsKernel } from './twins.ts';

interface Agents {
  readonly client: Agent;
  readonly gateway: Agent;
  readonly server: Agent;
}

/**
 * Rows of docs/kernel-differences.md: what the gate makes of a step, and the kernel. A packet is held
 * back when the system call that sent it is over.
 */
const rows: Readonly<Record<string, readonly [gate: string, kernel: string]>> = {
  'raw OUTPUT': ['TIMEOUT', 'EPERM'],
  'OUTPUT refuses a datagram': ['{"type":3,"code":3,"by":"203.0.113.1"}', 'EPERM'],
  'ping from, not allowed': ['TIMEOUT', 'EPERM'],
};

/** Plays with an agent in every place; each step's outcome by its name. */
async function withAgents(
  lab: Lab,
  daemon: Daemon | null,
  fn: (
    agents: Agents,
    see: (name: string, step: Promise<unknown>) => Promise<void>,
  ) => Promise<void>,
): Promise<string[]> {
  const [client, gateway, server] = await Promise.all([
    Agent.start(lab, 'client'),
    Agent.start(lab, 'gateway'),
    Agent.start(lab, 'server'),
  ]);
  const seen: string[] = [];
  const see = async (name: string, step: Promise<unknown>): Promise<void> => {
    const outcome = await step.then(
      (value) => JSON.stringify(value) ?? 'done',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
    const row = daemon === null ? undefined : rows[name];
    seen.push(`${name}: ${row !== undefined && row[0] === outcome ? row[1] : outcome}`);
  };
  try {
    await fn({ client, gateway, server }, see);
    return seen;
  } finally {
    await Promise.all([client, gateway, server].map((agent) => agent.stop()));
  }
}

/** Connects, says a line each way; the peer as the accepting side saw it. */
async function talk(
  from: Agent,
  to: Agent,
  host: string,
  port: number,
  { at = host, atPort = port, bind }: { at?: string; atPort?: number; bind?: string } = {},
): Promise<string> {
  const listener = await to.listen({ from: at, fromPort: atPort });
  try {
    const socket = await from.connect(host, port, {
      timeout: 0.6,
      ...(bind ? { from: bind } : {}),
    });
    const accepted = await to.accept(listener);
    await from.send(socket, 'to\n');
    const asked = await to.line(accepted);
    await to.send(accepted, 'fro\n');
    const answered = await from.line(socket);
    await from.close(socket);
    await to.close(accepted);
    return `${asked} ${answered} ${accepted.peer}`;
  } finally {
    await to.close(listener);
  }
}

/** A datagram there and back; who the answering side saw. */
async function exchange(
  from: Agent,
  to: Agent,
  host: string,
  port: number,
  at = host,
  atPort = port,
) {
  const service = await to.udp({ from: at, fromPort: atPort });
  const socket = await from.udp({ host, port, timeout: 0.6 });
  try {
    await from.sendTo(socket, host, port, 'asked');
    const asked = await to.receive(service, 0.6);
    await to.sendTo(service, asked.peer, asked.peerPort, 'answered');
    const answer = await from.receive(socket, 0.6);
    return `${asked.peer} ${answer.text} ${answer.peer}:${answer.peerPort}`;
  } finally {
    await from.close(socket);
    await to.close(service);
  }
}

/** What neighbours need passes first, as in every IPv6 rule set that works. */
const own6 = `*nat
-A PREROUTING -i lan0 -p tcp -m tcp --dport 4300 -j REDIRECT --to-ports 4301
-A OUTPUT -d ${address.server6} -p tcp -m tcp --dport 4308 -j DNAT --to-destination [${address.client6}]:4309
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 4000 -j ACCEPT
-A INPUT -i lan0 -p tcp -m tcp --dport 4301 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 4001 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp -m tcp --dport 4002 -j REJECT --reject-with icmp6-adm-prohibited
-A INPUT -i lan0 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT
-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4500 -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4309 -j ACCEPT
-A OUTPUT -p tcp -m tcp --dport 4501 -j REJECT --reject-with tcp-reset
-A OUTPUT -p tcp -m tcp --dport 4502 -j REJECT --reject-with icmp6-adm-prohibited
-A OUTPUT -d ${address.server6} -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
COMMIT
`;

/** A connection attempt of another user on the gateway: 0, or the errno. */
async function connectAs(lab: Lab, uid: string, host: string, port: number): Promise<number> {
  const program =
    'import os,socket,sys\nos.setuid(int(sys.argv[1]))\ns=socket.socket()\ns.settimeout(0.6)\n' +
    'try:\n s.connect((sys.argv[2],int(sys.argv[3])))\n print(0)\nexcept TimeoutError: print(-1)\nexcept OSError as e: print(e.errno)';
  const argv = ['python3', '-c', program, uid, host, String(port)];
  return Number(await mustRunIn(lab, 'gateway', argv));
}

async function playOwn(lab: Lab, daemon: Daemon | null): Promise<string[]> {
  return withAgents(lab, daemon, async ({ client, gateway, server }, see) => {
    const { inside, outside } = address;
    const there = address.server;
    await see('INPUT accepts', talk(client, gateway, inside, 4000));
    await see('INPUT, the other address', talk(client, gateway, outside, 4000));
    await see('INPUT drops from outside', talk(server, gateway, outside, 4000));
    await see('INPUT resets', client.connect(inside, 4001));
    await see('INPUT refuses', client.connect(inside, 4002));
    await see('INPUT drops', client.connect(inside, 4003, { timeout: 0.3 }));
    await see('raw PREROUTING', exchange(client, gateway, inside, 4100));
    await see('raw OUTPUT', exchange(gateway, server, there, 4101));
    await see('mangle INPUT', talk(client, gateway, inside, 4203));

    await see('OUTPUT accepts', talk(gateway, server, there, 4500));
    await see('OUTPUT accepts, inside', talk(gateway, client, address.client, 4500));
    await see('OUTPUT resets', gateway.connect(there, 4501));
    await see('OUTPUT refuses', gateway.connect(there, 4502));
    await see('OUTPUT refuses a datagram', gateway.probe(there, 4503));
    await see('OUTPUT drops', gateway.connect(there, 4599, { timeout: 0.3 }));
    const listener = await server.listen({ from: there, fromPort: 4504 });
    await see('owner', connectAs(lab, OTHER_UID, there, 4504));
    await see('another owner', connectAs(lab, '0', there, 4504));
    await server.close(listener);
    const negated = await server.listen({ from: there, fromPort: 4505 });
    await see('not root', connectAs(lab, OTHER_UID, there, 4505));
    await see('root', connectAs(lab, '0', there, 4505));
    await server.close(negated);
    await see('OUTPUT mark seen by filter', talk(gateway, server, there, 4201));
    await see('OUTPUT mark seen by POSTROUTING', talk(gateway, server, there, 4202));

    await see('REDIRECT', talk(client, gateway, there, 4300, { at: inside, atPort: 4301 }));
    await see('REDIRECT of datagrams', exchange(client, gateway, there, 4302, inside, 4303));
    await see(
      'DNAT to the gateway',
      talk(client, gateway, there, 4304, { at: inside, atPort: 4305 }),
    );
    await see(
      'OUTPUT DNAT, same way',
      talk(gateway, server, '198.51.100.7', 4306, { at: there, atPort: 4307 }),
    );
    await see(
      'OUTPUT DNAT, other way',
      talk(gateway, client, there, 4308, { at: address.client, atPort: 4309 }),
    );
    await see(
      'OUTPUT REDIRECT',
      talk(gateway, gateway, there, 4310, { at: '127.0.0.1', atPort: 4311 }),
    );
    await see(
      'OUTPUT DNAT of datagrams',
      exchange(gateway, client, there, 4312, address.client, 4313),
    );
    await see('INPUT SNAT', talk(client, gateway, inside, 4314));
    await see('POSTROUTING SNAT of own', talk(gateway, server, there, 4315));

    await see('ping to', client.ping(inside));
    await see('ping to, from outside', server.ping(outside, 0.3));
    await see('ping from', gateway.ping(there));
    await see('ping from, not allowed', gateway.ping(address.client, 0.3));
    await see('nobody listens', server.codeOf(gateway.connect(there, 4500)));
    await see('port unreachable comes home', gateway.probe(there, 4316));
  });
}

test('INPUT and OUTPUT: policies, rejects, owner, mark, translation', async (t) => {
  await sameAsKernel(t, { name: 'hooks', rules: own, rules6: own6, prepare, play: playOwn });
});

async function playOwn6(lab: Lab, daemon: Daemon | null): Promise<string[]> {
  return withAgents(lab, daemon, async ({ client, gateway, server }, see) => {
    const { inside6, outside6, server6, client6 } = address;
    await see('INPUT accepts', talk(client, gateway, inside6, 4000));
    await see('INPUT drops from outside', talk(server, gateway, outside6, 4000));
    await see('INPUT resets', client.connect(inside6, 4001));
    await see('INPUT refuses', client.connect(inside6, 4002));
    await see('INPUT drops', client.connect(inside6, 4003, { timeout: 0.3 }));
    await see('OUTPUT accepts', talk(gateway, server, server6, 4500));
    await see('OUTPUT resets', gateway.connect(server6, 4501));
    await see('OUTPUT refuses', gateway.connect(server6, 4502));
    await see('OUTPUT drops', gateway.connect(server6, 4599, { timeout: 0.3 }));
    await see('REDIRECT', talk(client, gateway, server6, 4300, { at: inside6, atPort: 4301 }));
    await see('OUTPUT DNAT', talk(gateway, client, server6, 4308, { at: client6, atPort: 4309 }));
    await see('ping to', client.ping(inside6));
    await see('ping from', gateway.ping(server6));
    await see('ping from, not allowed', gateway.ping(client6, 0.3));
  });
}

test('INPUT and OUTPUT over IPv6', async (t) => {
  await sameAsKernel(t, { name: 'hooks6', rules: own, rules6: own6, play: playOwn6 });
});

test('neighbours are found where INPUT and OUTPUT drop all of IPv6', async (t) => {
  const closed = '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n';
  await sameAsKernel(t, {
    name: 'nd',
    rules: own,
    rules6: closed,
    play: async (lab: Lab, daemon: Daemon | null) => {
      const client = await Agent.start(lab, 'client');
      const outcome = await client.ping(address.server6, 1).then(
        () => 'answered',
        (error: Error) => error.message,
      );
      await client.stop();
      // docs/kernel-differences.md: neighbour discovery is the link's business.
      return daemon !== null && outcome === 'answered' ? 'ping: TIMEOUT' : outcome;
    },
  });
});
