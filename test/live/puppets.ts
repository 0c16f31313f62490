/**
 * A control connection of which both ends are the test's: an attacker may sit at either. Every send
 * is one segment.
 */
import assert from 'node:assert/strict';
import { Agent, type Socket } from './agent.ts';
import type { Lab } from './harness.ts';

const CONTROL_PORT = 21;

export interface PuppetAddresses {
  readonly client: string;
  readonly server: string;
  /** Where the client believes the server to be; default: where it is. */
  readonly target?: string;
}

export class Puppets {
  readonly client: Agent;
  readonly server: Agent;
  readonly addresses: PuppetAddresses;

  private constructor(client: Agent, server: Agent, addresses: PuppetAddresses) {
    this.client = client;
    this.server = server;
    this.addresses = addresses;
  }

  /** Starts an agent at either end, and stops them after `fn`. */
  static async with(
    lab: Lab,
    addresses: PuppetAddresses,
    fn: (puppets: Puppets) => Promise<void>,
  ): Promise<void> {
    const client = await Agent.start(lab, 'client');
    const server = await Agent.start(lab, 'server');
    try {
      await fn(new Puppets(client, server, addresses));
    } finally {
      await client.stop();
      await server.stop();
    }
  }

  /** A control connection, greeted and logged in. */
  async session(): Promise<PuppetSession> {
    const session = await this.connect();
    await session.fromServer('220 hi\r\n');
    await session.fromClient('USER anonymous\r\n');
    await session.fromServer('331 and?\r\n');
    await session.fromClient('PASS guest\r\n');
    await session.fromServer('230 in\r\n');
    return session;
  }

  /** A connection to port 21, on which nothing has been said. */
  async connect(): Promise<PuppetSession> {
    const { client, server, addresses } = this;
    const listener = await server.listen({ from: addresses.server, fromPort: CONTROL_PORT });
    const target = addresses.target ?? addresses.server;
    const near = await client.connect(target, CONTROL_PORT, { from: addresses.client });
    const far = await server.accept(listener);
    await server.close(listener);
    return new PuppetSession(this, near, far);
  }
}

export class PuppetSession {
  readonly near: Socket;
  readonly far: Socket;
  private readonly puppets: Puppets;

  constructor(puppets: Puppets, near: Socket, far: Socket) {
    this.puppets = puppets;
    this.near = near;
    this.far = far;
  }

  /** Sends a segment of whole lines from the client; resolves to the lines as the server has them. */
  async fromClient(text: string): Promise<string[]> {
    await this.puppets.client.send(this.near, text);
    return this.lines(this.puppets.server, this.far, text);
  }

  async fromServer(text: string): Promise<string[]> {
    await this.puppets.server.send(this.far, text);
    return this.lines(this.puppets.client, this.near, text);
  }

  private async lines(agent: Agent, socket: Socket, text: string): Promise<string[]> {
    const lines: string[] = [];
    for (let left = text.split('\n').length - 1; left > 0; left--) {
      lines.push(await agent.line(socket));
    }
    return lines;
  }

  /** Sends what is no whole line. */
  async piece(from: 'client' | 'server', text: string): Promise<void> {
    const { client, server } = this.puppets;
    await (from === 'client' ? client.send(this.near, text) : server.send(this.far, text));
  }

  async end(): Promise<void> {
    await this.puppets.client.reset(this.near);
    await this.puppets.server.close(this.far);
  }
}

/** Fails unless a connection to `port` of `host` is not let through. */
export async function assertClosed(
  agent: Agent,
  from: string,
  host: string,
  port: number,
): Promise<void> {
  const code = await agent.codeOf(agent.connect(host, port, { from, timeout: 0.4 }));
  assert.equal(code, 'TIMEOUT', `${from} -> ${host}:${port}`);
}
