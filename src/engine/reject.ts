/** How one `--reject-with` kind is answered. */
export interface RejectAnswer {
  /** True for tcp-reset. */
  readonly reset: boolean;
  readonly type: number;
  readonly code: number;
}

const reset: RejectAnswer = { reset: true, type: 0, code: 0 };
const unreachable = (code: number): RejectAnswer => ({ reset: false, type: 3, code });
const unreachable6 = (code: number): RejectAnswer => ({ reset: false, type: 1, code });

/** ICMP types and codes of ipt_REJECT.c and ip6t_REJECT.c, by `--reject-with` name. */
const answers: Readonly<Record<string, RejectAnswer>> = {
  'icmp-net-unreachable': unreachable(0),
  'icmp-host-unreachable': unreachable(1),
  'icmp-proto-unreachable': unreachable(2),
  'icmp-port-unreachable': unreachable(3),
  'icmp-net-prohibited': unreachable(9),
  'icmp-host-prohibited': unreachable(10),
  'icmp-admin-prohibited': unreachable(13),
  'icmp6-no-route': unreachable6(0),
  'icmp6-adm-prohibited': unreachable6(1),
  'icmp6-addr-unreachable': unreachable6(3),
  'icmp6-port-unreachable': unreachable6(4),
  'icmp6-policy-fail': unreachable6(5),
  'icmp6-reject-route': unreachable6(6),
  'tcp-reset': reset,
};

/** The answer for a kind; port unreachable where the name is not known to this table. */
export function rejectAnswer(kind: string, family: number): RejectAnswer {
  return answers[kind] ?? (family === 4 ? unreachable(3) : unreachable6(4));
}
