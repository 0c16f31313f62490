/** An FTP client of which the test decides every step. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent, Received, Socket, SocketOptions } from './agent.ts';
import type { Lab } from './harness.ts';

export const serverAddress = '203.0.113.21';
export const clientAddress = '192.168.77.10';
/** Sent as the password of every session; nothing of Pinhole may ever show it. */
export const secret = 'sesame-4711';

export interface SessionOptions extends SocketOptions {
  readonly host?: string;
  readonly port?: number;
}

export class FtpSession {
  readonly agent: Agent;
  readonly control: Socket;
  readonly host: string;

  private constructor(agent: Agent, control: Socket, host: string) {
    this.agent = agent;
    this.control = control;
    this.host = host;
  }

  /** Connects and logs in. */
  static async open(agent: Agent, options: SessionOptions = {}): Promise<FtpSession> {
    const { host = serverAddress, port = 21, ...socketOptions } = options;
    const session = new FtpSession(agent, await agent.connect(host, port, socketOptions), host);
    assert.match(await session.reply(), /^220 /);
    assert.match(await session.command('USER anonymous'), /^230 /);
    assert.match(await session.command(`PASS ${secret}`), /^230 /);
    assert.match(await session.command('TYPE I'), /^200 /);
    return session;
  }

  send(line: string): Promise<object> {
    return this.agent.send(this.control, `${line}\r\n`);
  }

  /** The last line of the next reply; a reply of several lines ends in `NNN ` (RFC 959 4.2). */
  async reply(timeout?: number): Promise<string> {
    for (;;) {
      const line = await this.agent.line(this.control, timeout);
      if (/^\d{3} /.test(line)) return line;
    }
  }

  async command(line: string): Promise<string> {
    await this.send(line);
    return this.reply();
  }

  /** Announces by PASV or EPSV, and says where to connect. */
  async passive(verb: 'PASV' | 'EPSV'): Promise<{ host: string; port: number }> {
    const reply = await this.command(verb);
    const extended = /^229 .*\(\|\|\|(\d+)\|\)/.exec(reply);
    if (extended) return { host: this.host, port: Number(extended[1]) };
    const numbers = /^227 .*\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)/.exec(reply);
    assert.ok(numbers, `answer to ${verb}: ${reply}`);
    const [, address = '', high, low] = numbers;
    return { host: address.replaceAll(',', '.'), port: Number(high) * 256 + Number(low) };
  }

  /** Listens, and announces that by PORT or EPRT without waiting for the answer. */
  async announce(verb: 'PORT' | 'EPRT', fromPort?: number): Promise<Socket> {
    const { address } = this.control;
    const where = fromPort === undefined ? { from: address } : { from: address, fromPort };
    const listener = await this.agent.listen(where);
    await this.send(announcement(verb, address, listener.port));
    return listener;
  }

  /** The data connection of a download that has begun. */
  async beginDownload(verb: Verb, path = '/pub/big.bin', receiveBuffer?: number): Promise<Socket> {
    const buffer = receiveBuffer === undefined ? {} : { receiveBuffer };
    if (verb === 'PASV' || verb === 'EPSV') {
      const { host, port } = await this.passive(verb);
      await this.send(`RETR ${path}`);
      const data = await this.agent.connect(host, port, { from: this.control.address, ...buffer });
      assert.match(await this.reply(), /^150 /);
      return data;
    }
    const listener = await this.announce(verb);
    assert.match(await this.reply(), /^200 /);
    await this.send(`RETR ${path}`);
    const data = await this.agent.accept(listener);
    await this.agent.close(listener);
    assert.match(await this.reply(), /^150 /);
    return data;
  }

  /** Reads a download to its end and lets the server say that it is complete. */
  async endDownload(data: Socket): Promise<Received> {
    const received = await this.agent.read(data);
    await this.agent.close(data);
    assert.match(await this.reply(), /^226 /);
    return received;
  }

  /** A whole download, which must be the file that the server has. */
  async download(verb: Verb, lab: Lab): Promise<void> {
    const received = await this.endDownload(await this.beginDownload(verb));
    assert.equal(received.sha256, bigChecksum(lab), `download after ${verb}`);
  }

  async quit(): Promise<void> {
    assert.match(await this.command('QUIT'), /^221 /);
    await this.agent.close(this.control);
  }
}

export type Verb = 'PORT' | 'EPRT' | 'PASV' | 'EPSV';

/** `PORT 10,1,1,1,4,1` or `EPRT |1|10.1.1.1|1025|` (RFC 959, RFC 2428). */
export function announcement(verb: 'PORT' | 'EPRT', address: string, port: number): string {
  if (verb === 'PORT') return `PORT ${address.replaceAll('.', ',')},${port >> 8},${port & 255}`;
  return `EPRT |${address.includes(':') ? 2 : 1}|${address}|${port}|`;
}

export function bigChecksum(lab: Lab): string {
  return createHash('sha256')
    .update(readFileSync(join(lab.runDir, 'big.bin')))
    .digest('hex');
}
