/** Datagrams of many sizes, and whether they arrive. */
import { Agent } from '../agent.ts';
import type { Lab } from '../harness.ts';

/** Sends texts of these lengths from the client to port 5000 of a host, each answered: what arrived. */
export async function datagramsThere(
  lab: Lab,
  host: string,
  lengths: readonly number[],
): Promise<string[]> {
  const [client, server] = await Promise.all([
    Agent.start(lab, 'client'),
    Agent.start(lab, 'server'),
  ]);
  try {
    const service = await server.udp({ from: host, fromPort: 5000 });
    const socket = await client.udp({ host, port: 5000 });
    const seen: string[] = [];
    for (const length of lengths) {
      const text = 'abcdefgh'.repeat(Math.ceil(length / 8)).slice(0, length);
      const outcome = await there(client, server, socket, service, host, text);
      seen.push(`${host} ${length}: ${outcome}`);
    }
    return seen;
  } finally {
    await Promise.all([client.stop(), server.stop()]);
  }
}

async function there(
  client: Agent,
  server: Agent,
  socket: Awaited<ReturnType<Agent['udp']>>,
  service: Awaited<ReturnType<Agent['udp']>>,
  host: string,
  text: string,
): Promise<string> {
  try {
    await client.sendTo(socket, host, 5000, text);
    const asked = await server.receive(service, 2);
    await server.sendTo(service, asked.peer, asked.peerPort, text);
    const answered = await client.receive(socket, 2);
    return asked.text === text && answered.text === text ? 'arrived and came back' : 'differs';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
