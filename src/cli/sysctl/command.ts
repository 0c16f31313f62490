import { type ControlClient, ControlError } from '../../control/index.ts';
import { Exit } from '../exit-code.ts';
import { type GatewayIo, withGateway } from '../gateway-io.ts';
import { systemReason } from '../iptables/io.ts';
import { type ConfLine, parseConfFile } from './conf-file.ts';
import {
  allSysctls,
  dotted,
  isForeign,
  type NamedSysctl,
  sysctlNamed,
  sysctlsMatching,
  sysctlsUnder,
} from './names.ts';
import { parseSysctlOptions, type SysctlOptions, SysctlUsageError } from './options.ts';
import { sysctlUsage } from './usage.ts';

const DEFAULT_FILE = '/etc/sysctl.conf';

/** `pinhole sysctl`: sysctl(8) against the running gateway. Resolves to the exit code. */
export async function runSysctl(argv: readonly string[], io: GatewayIo): Promise<number> {
  let options: SysctlOptions;
  try {
    options = parseSysctlOptions(argv);
  } catch (error) {
    if (!(error instanceof SysctlUsageError)) throw error;
    io.stderr(`pinhole sysctl: ${error.message}\n\n${sysctlUsage}`);
    return Exit.Failure;
  }
  const nothingAsked = options.words.length === 0 && !options.all && !options.load;
  if (options.help) {
    io.stdout(sysctlUsage);
    return Exit.Ok;
  }
  if (nothingAsked) {
    if (options.mustSet) io.stderr('pinhole sysctl: no variables specified\n');
    else io.stdout(sysctlUsage);
    return Exit.Failure;
  }
  return withGateway(io, (client) => new Session(client, options, io).run());
}

/** One run of the command. As in sysctl(8), what fails does not keep the rest from being done. */
class Session {
  private readonly client: ControlClient;
  private readonly options: SysctlOptions;
  private readonly io: GatewayIo;
  private exitCode: number = Exit.Ok;

  constructor(client: ControlClient, options: SysctlOptions, io: GatewayIo) {
    this.client = client;
    this.options = options;
    this.io = io;
  }

  async run(): Promise<number> {
    const { all, load, words } = this.options;
    if (all) await this.show(allSysctls);
    else if (load)
      for (const path of words.length > 0 ? words : [DEFAULT_FILE]) await this.load(path);
    else for (const [at, word] of words.entries()) await this.obey(word, at);
    return this.exitCode;
  }

  /** `NAME` or `NAME=VALUE`. */
  private async obey(word: string, at: number): Promise<void> {
    const optional = word.startsWith('-');
    const said = optional ? word.slice(1) : word;
    const equals = said.indexOf('=');
    if (equals < 0) {
      if (this.options.mustSet) this.fail(`command line(${at}): invalid syntax, continuing...`);
      else await this.showNamed(said);
      return;
    }
    const key = said.slice(0, equals).trim();
    const found = sysctlNamed(key);
    if (found === undefined) this.unknown(key, optional);
    else await this.set(found, said.slice(equals + 1).trim(), optional);
  }

  private async showNamed(word: string): Promise<void> {
    const found = sysctlsUnder(word);
    if (found.length === 0) this.unknown(word, false);
    else await this.show(found);
  }

  private async show(wanted: readonly NamedSysctl[]): Promise<void> {
    const { pattern } = this.options;
    const shown = pattern === null ? wanted : wanted.filter((one) => pattern.test(one.shown));
    const names = shown.map(({ name }) => name);
    let at = 0;
    for await (const { value } of this.client.request('sysctl.get', { names })) {
      this.print(shown[at++]!, value);
    }
  }

  private async load(path: string): Promise<void> {
    let text: string;
    try {
      text = this.io.readFile(path);
    } catch (error) {
      this.fail(`cannot open "${path}": ${systemReason(error)}`);
      return;
    }
    const lines = parseConfFile(text);
    for (const { line } of lines.filter(({ value }) => value === null)) {
      this.say(`${path}(${line}): invalid syntax, continuing...`);
    }
    for (const line of lines) await this.loadLine(path, line);
  }

  private async loadLine(path: string, { line, key, value, optional }: ConfLine): Promise<void> {
    if (value === null) return;
    const { ignoreUnknown, quiet } = this.options;
    if (isForeign(key)) {
      const isSilent = ignoreUnknown || quiet || optional;
      if (!isSilent) this.say(`${path}(${line}): ${key} is no setting of the gateway, skipped`);
      return;
    }
    const found = sysctlsMatching(key);
    if (found.length === 0) this.unknown(key, optional);
    for (const one of found) await this.set(one, value, optional);
  }

  private async set({ shown, name }: NamedSysctl, value: string, optional: boolean): Promise<void> {
    const { dryRun, pattern, quiet } = this.options;
    if (pattern !== null && !pattern.test(shown)) {
      this.exitCode = Exit.Failure;
      return;
    }
    try {
      if (!dryRun) await this.client.request('sysctl.set', { settings: [{ name, value }] }).done;
      if (!quiet) this.print({ shown, name }, value);
    } catch (error) {
      const reason = error instanceof ControlError ? reasons[error.code] : undefined;
      if (reason === undefined) throw error;
      if (!optional) this.fail(`setting key "${shown}": ${reason}`);
    }
  }

  private print({ shown }: NamedSysctl, value: string): void {
    const { namesOnly, valuesOnly, withoutNewline } = this.options;
    if (namesOnly) this.io.stdout(`${shown}\n`);
    else if (withoutNewline) this.io.stdout(value);
    else this.io.stdout(valuesOnly ? `${value}\n` : `${shown} = ${value}\n`);
  }

  private unknown(key: string, optional: boolean): void {
    if (optional || this.options.ignoreUnknown) return;
    const path = `/proc/sys/${dotted(key).replaceAll('.', '/')}`;
    this.fail(`cannot stat ${path}: No such file or directory`);
  }

  private fail(message: string): void {
    this.say(message);
    this.exitCode = Exit.Failure;
  }

  private say(message: string): void {
    this.io.stderr(`pinhole sysctl: ${message}\n`);
  }
}

/** Sentences of the C library for what the gateway answers. */
const reasons: Readonly<Record<string, string>> = {
  INVALID: 'Invalid argument',
  READ_ONLY: 'Permission denied',
};
