import { RuleFault } from '../../errors.ts';
import { readModprobe, setSysctl } from '../settings.ts';
import type { Word } from '../words.ts';
import { type Builtin, type Invocation, locate, runWithin, write } from './builtins.ts';
import { restoreRules, runIpset, runIptables, runNfct, saveRules } from './firewall.ts';
import { baseName, firewallProgram, isHarmless, isNetworkProgram } from './names.ts';
import { runScriptFile } from './scripts.ts';
import { editsFiles } from './sed.ts';
import { service } from './services.ts';
import type { Argument } from './simple.ts';
import type { ShellState } from './state.ts';
import { textTools } from './text-tools.ts';
import { type Status, WAY_OUT } from './unknown.ts';

/** Programs that scripts call: those of the firewall, those that do not matter, and the others. */
export function runProgram(call: Invocation): Status {
  const { state, program, words } = call;
  const name = baseName(program.text);
  const initScript = /^\/etc\/(?:rc\.d\/)?init\.d\/([\w.-]+)$/.exec(program.text)?.[1];
  if (initScript !== undefined) {
    return service(call, { text: initScript, at: program.at }, words[0]?.text ?? '');
  }
  const firewall = firewallProgram(program.text);
  if (firewall !== null) {
    if (firewall.action === 'rule') return runIptables(call, firewall.family);
    if (firewall.action === 'save') return saveRules(call);
    return restoreRules(call, firewall.family);
  }
  const tool = Object.hasOwn(textTools, name) ? textTools[name] : undefined;
  const made = tool?.(call) ?? null;
  if (made !== null) return made;
  const known = Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (known !== undefined) return known(call);
  if (isHarmless(name)) return outputUnknown(call);
  if (isNetworkProgram(name)) return networkProgram(call);
  // What the shell itself answers where no program has such a name.
  if (program.text === '' || /[ \t\n]/.test(program.text)) return 127;
  if (program.text.includes('/') || /\.sh$/.test(program.text)) {
    const status = runScriptFile(call, program, words, /\.sh$/.test(program.text));
    if (status !== null) return status;
  }
  // Where only its output is asked for, nothing is lost until that is needed.
  if (state.streams.output !== null) return outputUnknown(call);
  const message = `command \`${program.text}' is not understood`;
  throw new RuleFault('not-understood', message, WAY_OUT, state.position(program.at));
}

/** A command that matters by its output or its status alone. */
function outputUnknown({ state, program, words }: Invocation): Status {
  const name = baseName(program.text);
  const quiet = /^(sleep|logger|touch|rm|mkdir|chmod|chown|cp|mv|ln|kill|killall|sync)$/.test(name);
  if (quiet) return 0;
  // An empty input gives an empty output; what was asked of it stays open.
  const unknown = state.unknown('command', `what \`${name}' says`, program.at);
  if (state.streams.output !== null) write(state, state.unknowns.mark(unknown), program.at);
  void words;
  return unknown;
}

/** Commands that shape the network beside the rules. */
function networkProgram(call: Invocation): Status {
  const { state, program, words } = call;
  const name = baseName(program.text);
  const object = name === 'ip' ? (words.find(({ text }) => !text.startsWith('-'))?.text ?? '') : '';
  const looks = words.some(({ text }) => /^(show|list|ls|get|s|sh)$/.test(text));
  if (state.streams.output !== null || looks || words.length === 0) return outputUnknown(call);
  const shown = object === '' ? name : `${name} ${object}`;
  const message = `\`${shown}' is not carried out: it is no part of the rules`;
  state.warnOnce(`network ${shown}`, message, program.at);
  return 0;
}

/** A command whose arguments are a command, behind options of its own. */
function prefix(takesValue: RegExp, values = 0): Builtin {
  return (call) => {
    const { words } = call;
    let at = 0;
    for (; at < words.length; at++) {
      const { text } = words[at]!;
      if (takesValue.test(text)) at++;
      else if (!text.startsWith('-')) break;
    }
    at += values;
    const [program, ...rest] = words.slice(at);
    return program === undefined ? 0 : call.commands.dispatch(program, rest);
  };
}

const env: Builtin = (call) => {
  const words = call.words.filter(({ text }) => !/^-[i0]?$/.test(text));
  const at = words.findIndex(({ text }) => !/^[A-Za-z_]\w*=/.test(text));
  const [program, ...rest] = at < 0 ? [] : words.slice(at);
  return program === undefined ? outputUnknown(call) : call.commands.dispatch(program, rest);
};

/** `sh -c 'commands'`, `bash script.sh`. */
const shell: Builtin = (call) => {
  const { state, words, program, runner } = call;
  const at = words.findIndex(({ text }) => !/^[-+]/.test(text) || /^-[a-z]*c$/.test(text));
  const first = words[at];
  if (first === undefined) {
    const input = state.streams.input;
    if (input === null) return 0;
    const text = state.require(input.text, program.at, 'this script');
    return runner.subshell(() => runWithin(state, runner, text, program.at));
  }
  if (first.text.startsWith('-')) {
    const text = state.require(words[at + 1]?.text ?? '', first.at, 'this command');
    return runner.subshell(() => {
      state.positional = words.slice(at + 3).map((word) => word.text);
      return runWithin(state, runner, text, first.at);
    });
  }
  const status = runScriptFile(call, first, words.slice(at + 1), true);
  if (status !== null) return status;
  const message = `${first.text}: this script cannot be read`;
  throw new RuleFault('unreadable-file', message, WAY_OUT, state.position(first.at));
};

function wordOf(state: ShellState, { text, at }: Argument): Word {
  return { text: state.require(text, at, 'this setting'), ...state.position(at) };
}

const modprobe: Builtin = (call) => {
  const { state, program, words } = call;
  const known = words.filter(({ text }) => state.unknowns.find(text) === null);
  const read = known.map((word) => wordOf(state, word));
  const { modules } = state.unit.source.ruleSet;
  const warning = readModprobe(read, modules, state.position(program.at));
  if (warning !== null) state.warn(warning, program.at);
  return 0;
};

const sysctl: Builtin = (call) => {
  const { state, program, words } = call;
  const loads = words.some(({ text }) => /^(-[a-z]*p.*|--system|--load.*)$/.test(text));
  if (loads) {
    state.warn('the settings that this line loads are not read here', program.at);
    return 0;
  }
  for (const word of words) {
    const { text, at } = word;
    if (text.startsWith('-') || !text.includes('=')) continue;
    const [key = '', value = ''] = wordOf(state, word).text.split(/=(.*)/s, 2);
    const { modules } = state.unit.source.ruleSet;
    const place = { text, ...state.position(at) };
    const warning = setSysctl(key.trim(), value, modules, place);
    if (warning !== null) state.warn(warning, at);
  }
  return words.some(({ text }) => text.includes('=')) ? 0 : outputUnknown(call);
};

/** Languages in which anything may be done: their output is not known; rules they must not touch. */
const otherLanguage: Builtin = (call) => {
  const { state, program, words } = call;
  if (words.some(({ text }) => /iptables|ipset|modprobe|\bsystem\b|\bnft\b/.test(text))) {
    const message = `what \`${program.text}' does with the rules is not known`;
    throw new RuleFault('not-understood', message, WAY_OUT, state.position(program.at));
  }
  return outputUnknown(call);
};

const identity: Builtin = (call) => {
  const { state, program, words } = call;
  const name = baseName(program.text);
  const asksName = name === 'whoami' || words.some(({ text }) => text.includes('n'));
  if (name === 'id' && words.some(({ text }) => !text.startsWith('-'))) return outputUnknown(call);
  write(state, asksName ? 'root\n' : '0\n', program.at);
  return 0;
};

/** Rules of iptables are for Linux alone. */
const uname: Builtin = (call) => {
  if (!/^(-s|--kernel-name)?$/.test(call.words.map(({ text }) => text).join(' '))) {
    return outputUnknown(call);
  }
  write(call.state, 'Linux\n', call.program.at);
  return 0;
};

const nft: Builtin = ({ state, program, words }) => {
  const looks = /^(list|flush|-v|--version)$/.test(words[0]?.text ?? '');
  if (!looks) {
    const message = 'rules of nft are not understood';
    throw new RuleFault('not-understood', message, WAY_OUT, state.position(program.at));
  }
  state.warnOnce('nft', "`nft' is not carried out", program.at);
  return 0;
};

const programs: Readonly<Record<string, Builtin>> = {
  sudo: prefix(/^-[ugpCh]$/),
  nice: prefix(/^-n$/),
  ionice: prefix(/^-[cnp]$/),
  nohup: prefix(/^$/),
  time: prefix(/^-[fo]$/),
  exec: prefix(/^-a$/),
  timeout: prefix(/^-[sk]$/, 1),
  busybox: prefix(/^$/),
  flock: prefix(/^-[wEc]$/, 1),
  env,
  sh: shell,
  bash: shell,
  dash: shell,
  ash: shell,
  modprobe,
  insmod: modprobe,
  rmmod: modprobe,
  options: modprobe,
  sysctl,
  ipset: runIpset,
  nfct: runNfct,
  nft,
  awk: otherLanguage,
  gawk: otherLanguage,
  mawk: otherLanguage,
  perl: otherLanguage,
  python: otherLanguage,
  python3: otherLanguage,
  find: otherLanguage,
  xargs: otherLanguage,
  sed: (call) => (editsFiles(call) ? 0 : outputUnknown(call)),
  id: identity,
  whoami: identity,
  uname,
  which: locate,
  true: () => 0,
  false: () => 1,
  service: (call) => service(call, call.words[0] ?? call.program, call.words[1]?.text ?? ''),
  'invoke-rc.d': (call) => service(call, call.words[0] ?? call.program, call.words[1]?.text ?? ''),
  systemctl: (call) => {
    const words = call.words.filter(({ text }) => !text.startsWith('-'));
    return service(call, words[1] ?? call.program, words[0]?.text ?? '');
  },
};
