/**
 * Pinhole beside the kernel as a gateway: the same lab, the same rules, the same load, in turn.
 * Prints a table against the kernel and writes the figures as JSON. Needs root and the lab's packages.
 *
 *     npm run bench -- gateway [--help]
 */
import { hasProgram } from '../live/harness.ts';
import { buildLoad } from './gateway/load.ts';
import { Measurement } from './gateway/measure.ts';
import { type BenchOptions, readOptions, UsageError, usage } from './gateway/options.ts';
import { markdownReport, textReport } from './gateway/report.ts';
import { type Results, readResults, writeResults } from './gateway/results.ts';

const needed = ['ip', 'ethtool', 'iptables-legacy-restore', 'conntrack', 'sysctl', 'cc'];

async function measure(options: BenchOptions): Promise<Results> {
  const missing = needed.filter((name) => !hasProgram(name));
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')} (scripts/setup.sh)`);
  await buildLoad();
  const say = (line: string) => process.stderr.write(`bench: ${line}\n`);
  const results = await new Measurement(options, say).run();
  writeResults(options.jsonPath, results);
  return results;
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  const options = readOptions(argv);
  const results =
    options.fromPath === null ? await measure(options) : readResults(options.fromPath);
  process.stdout.write(options.markdown ? markdownReport(results) : textReport(results));
  return results.failures.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`bench: ${(error as Error).message}\n${isUsage ? `\n${usage}` : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
