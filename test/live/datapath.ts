/**
 * Which live datapath this process tests: `capture`, or what PINHOLE_TEST_DATAPATH names. The files
 * of `through-gate/` set it to `gate` and then are the test file of the same name beside this one.
 */
import assert from 'node:assert/strict';
import { ControlClient } from '../../src/control/index.ts';
import { type LiveDatapathName, liveDatapathNames } from '../../src/datapath/index.ts';

export const datapathUnderTest: LiveDatapathName = named(process.env.PINHOLE_TEST_DATAPATH);

/** For every `pinhole run` of a test. */
export const datapathArguments = ['--datapath', datapathUnderTest] as const;

/**
 * Asserts that a gateway which carried established flows has had the gate's kernel part carry them;
 * of the capture datapath, which has no such part, nothing is asserted.
 */
export async function assertCarried(socket: string): Promise<void> {
  if (datapathUnderTest !== 'gate') return;
  const client = await ControlClient.connect(socket);
  try {
    const { gate } = (await client.request('status', {}).done) as unknown as {
      gate: Readonly<Record<string, number>>;
    };
    assert.ok(gate['kernel.forwarded']! > 0, JSON.stringify(gate));
  } finally {
    client.close();
  }
}

function named(wanted = 'capture'): LiveDatapathName {
  const name = liveDatapathNames.find((one) => one === wanted);
  if (name === undefined) {
    throw new Error(`PINHOLE_TEST_DATAPATH is ${liveDatapathNames.join(' or ')}, not ${wanted}`);
  }
  return name;
}
