import type { CommandModule } from 'yargs';
import { ControlClient, ControlError } from '../../control/index.ts';
import { CommandError } from '../exit-code.ts';
import { defaultSocket } from '../socket-path.ts';

interface Arguments {
  socket: string;
  json: boolean;
}

/** `pinhole status`: what the gateway runs, and its counters, drops by reason included. */
export function statusCommand(finish: (code: number) => void): CommandModule<object, Arguments> {
  return {
    command: 'status',
    describe: 'Show what the running gateway counts: packets, drops and FTP refusals by reason',
    builder: (yargs) =>
      yargs
        .option('socket', {
          type: 'string',
          requiresArg: true,
          default: defaultSocket(),
          describe: 'Control socket',
        })
        .option('json', { type: 'boolean', default: false, describe: 'As one JSON object' }),
    handler: async ({ socket, json }) => {
      const status = await askStatus(socket);
      process.stdout.write(json ? `${JSON.stringify(status)}\n` : statusText(status));
      finish(0);
    },
  };
}

async function askStatus(socket: string): Promise<Record<string, unknown>> {
  try {
    const client = await ControlClient.connect(socket);
    try {
      return await client.request('status', {}).done;
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof ControlError) throw new CommandError(error.message, error.exitCode);
    throw error;
  }
}

/** `name value` lines; what belongs together gets a common first word. */
function statusText(status: Record<string, unknown>): string {
  return Object.entries(status)
    .flatMap(([name, value]) => lines(name, value))
    .map((line) => `${line}\n`)
    .join('');
}

function lines(name: string, value: unknown): string[] {
  if (Array.isArray(value)) return [`${name} ${value.join(' ')}`];
  if (typeof value !== 'object' || value === null) return [`${name} ${String(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => lines(`${name}.${key}`, inner));
}
