/** Sockets in a namespace, one step at a time, by way of `socket-agent.py`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Lab, type Place, repositoryRoot } from './harness.ts';

/** Where a socket is bound, and how long its first step may take, in seconds. */
export interface SocketOptions {
  readonly from?: string;
  readonly fromPort?: number;
  readonly receiveBuffer?: number;
  /** SO_MARK. */
  readonly mark?: number;
  readonly timeout?: number;
}

export interface Socket {
  readonly sock: number;
  readonly address: string;
  readonly port: number;
}

export interface Accepted extends Socket {
  readonly peer: string;
  readonly peerPort: number;
}

export interface Received {
  readonly count: number;
  readonly sha256: string;
  /** Whether the other side closed. */
  readonly ended: boolean;
}

export interface Datagram {
  readonly text: string;
  readonly peer: string;
  readonly peerPort: number;
}

/** An ICMP error: type and code of its own family, and who sent it. */
export interface IcmpError {
  readonly type: number;
  readonly code: number;
  readonly by: string;
}

/** `code` is an errno name, TIMEOUT or EOF. */
export class AgentError extends Error {
  readonly code: string;

  constructor(op: string, code: string) {
    super(`${op}: ${code}`);
    this.code = code;
  }
}

type Request = Readonly<Record<string, string | number | undefined>>;

export class Agent {
  readonly place: Place;
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string | null) => void)[] = [];
  #stderr = '';

  private constructor(lab: Lab, place: Place) {
    this.place = place;
    const script = join(repositoryRoot, 'test', 'live', 'socket-agent.py');
    const labScript = join(repositoryRoot, 'scripts', 'lab');
    this.#child = spawn(labScript, ['exec', lab.name, place, 'python3', '-u', script], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.on('error', () => undefined); // the lines then end, which is noticed
    this.#child.stderr?.on('data', (text) => {
      this.#stderr += String(text);
    });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => this.#waiting.shift()?.(line));
    lines.on('close', () => {
      for (const wake of this.#waiting.splice(0)) wake(null);
    });
  }

  static async start(lab: Lab, place: Place): Promise<Agent> {
    const agent = new Agent(lab, place);
    await agent.#answer('start');
    return agent;
  }

  /** Ends the agent, and with it all its sockets. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2_000);
    await ended;
    clearTimeout(timer);
  }

  connect(host: string, port: number, options: SocketOptions = {}): Promise<Socket> {
    return this.#ask('connect', { host, port, ...options });
  }

  listen(options: SocketOptions): Promise<Socket> {
    return this.#ask('listen', { ...options });
  }

  accept(listener: Socket, timeout = 5): Promise<Accepted> {
    return this.#ask('accept', { sock: listener.sock, timeout });
  }

  send(socket: Socket, text: string): Promise<object> {
    return this.#ask('send', { sock: socket.sock, text });
  }

  /** A line without its end. */
  async line(socket: Socket, timeout = 5): Promise<string> {
    return (await this.#ask<{ text: string }>('line', { sock: socket.sock, timeout })).text;
  }

  /** Up to `limit` bytes, or everything until the other side closes. */
  read(socket: Socket, limit?: number, timeout = 5): Promise<Received> {
    return this.#ask('read', { sock: socket.sock, timeout, limit });
  }

  /** Sends FIN; reading goes on. */
  finish(socket: Socket): Promise<object> {
    return this.#ask('finish', { sock: socket.sock });
  }

  close(socket: Socket): Promise<object> {
    return this.#ask('close', { sock: socket.sock });
  }

  /** Sends RST. */
  reset(socket: Socket): Promise<object> {
    return this.#ask('reset', { sock: socket.sock });
  }

  udp(options: SocketOptions & { readonly host?: string; readonly port?: number }) {
    return this.#ask<Socket>('udp', { ...options });
  }

  sendTo(socket: Socket, host: string, port: number, text: string): Promise<object> {
    return this.#ask('sendTo', { sock: socket.sock, host, port, text });
  }

  receive(socket: Socket, timeout = 5): Promise<Datagram> {
    return this.#ask('receive', { sock: socket.sock, timeout });
  }

  /** A datagram, and the ICMP error that answers it. */
  probe(host: string, port: number, options: { ttl?: number; timeout?: number } = {}) {
    return this.#ask<IcmpError>('probe', { host, port, ...options });
  }

  /** One echo request, and who answered it. */
  ping(host: string, timeout = 5): Promise<{ by: string; whole: boolean }> {
    return this.#ask('ping', { host, timeout });
  }

  /** The error code with which this step fails; throws where it succeeds. */
  async codeOf(step: Promise<unknown>): Promise<string> {
    try {
      await step;
    } catch (error) {
      if (error instanceof AgentError) return error.code;
      throw error;
    }
    throw new Error('this step was to fail, and it succeeded');
  }

  #ask<T extends object>(op: string, request: Request): Promise<T> {
    const answer = this.#answer<T>(op);
    this.#child.stdin?.write(`${JSON.stringify({ op, ...request })}\n`);
    return answer;
  }

  async #answer<T extends object>(op: string): Promise<T> {
    const line = await new Promise<string | null>((resolve) => {
      this.#waiting.push(resolve);
    });
    if (line === null) throw new Error(`socket agent: ended during ${op}\n${this.#stderr}`);
    const answer = JSON.parse(line) as { ok?: T; error?: string };
    if (answer.ok === undefined) throw new AgentError(op, answer.error ?? 'no answer');
    return answer.ok;
  }
}
