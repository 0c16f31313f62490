/** Numbers of Linux errors that are the same on x86-64 and arm64. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  EMSGSIZE: 90,
  ENETDOWN: 100,
  ENOBUFS: 105,
} as const;

const MENDS: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN; see "dmesg" for lockdown',
  EACCES: 'the verifier or a security module refuses it',
  ENOENT: 'the file is not there; is the directory on a bpffs of this mount namespace?',
  ENODEV: 'the kernel lacks it, or the interface is gone',
  ENOMEM: 'free memory, raise the memory limit of the service, or configure fewer flows',
  ENOSPC: 'the kernel is out of room for it; see ulimit -l and /proc/sys/net/core/bpf_jit_limit',
  EINVAL: 'this kernel does not know it: Linux 5.10 or later is needed',
  ENOSYS: 'this kernel was built without it (CONFIG_BPF_SYSCALL)',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENOBUFS: 'the queue of the interface is full',
};

/** A system call failed: which, with what error, and what mends it. */
export class SysError extends Error {
  override readonly name = 'SysError';
  /** Name of the error, as 'EPERM'; 'E95' where it has none here. */
  readonly code: string;
  readonly errno: number;
  /** The call, as "bpf(MAP_CREATE flows)". */
  readonly call: string;
  readonly mend: string;
  /** What the kernel says beyond that, as the verifier's text; '' for nothing. */
  readonly detail: string;

  constructor(call: string, errno: number, code: string, detail = '') {
    const mend = MENDS[code] ?? '';
    const parts = [`${call}: ${code} (${errno})`, mend, detail].filter((part) => part !== '');
    super(parts.join('; '));
    this.call = call;
    this.errno = errno;
    this.code = code;
    this.mend = mend;
    this.detail = detail;
  }
}
