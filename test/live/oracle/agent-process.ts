/** A Python agent in a lab: one line of JSON to ask, one line of JSON as the answer. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Lab, repositoryRoot } from '../harness.ts';

/** Who asks for the gateway's address on each side, and that address. */
const addresses = ['192.168.77.10', '192.168.77.1', '203.0.113.21', '203.0.113.1'];

export class AgentProcess {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;

  private constructor(lab: Lab, script: string) {
    const path = join(repositoryRoot, 'test', 'live', 'oracle', script);
    const namespaces = ['client', 'server', 'gateway'].map((place) => `ph-${lab.name}-${place}`);
    // -B: importing one script from another leaves nothing in the source tree.
    this.child = spawn('python3', ['-B', path, ...namespaces, ...addresses]);
    this.child.stderr.pipe(process.stderr);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a script of this directory; the gateway must be ready for it. */
  static async open(lab: Lab, script: string): Promise<AgentProcess> {
    const agent = new AgentProcess(lab, script);
    assert.match(await agent.nextLine(), /^ready/);
    return agent;
  }

  async ask<Answer>(question: object): Promise<Answer> {
    this.child.stdin.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await this.nextLine()) as Answer;
  }

  close(): void {
    this.child.stdin.end();
  }

  private async nextLine(): Promise<string> {
    const line = await this.lines.next();
    assert.ok(!line.done, 'the agent has ended');
    return line.value;
  }
}
