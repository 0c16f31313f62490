export const sysctlUsage = `Usage:
 pinhole sysctl [OPTIONS] [NAME[=VALUE] ...]

Settings of connection tracking: net.netfilter.nf_conntrack_..., as sysctl(8) has them.

Options:
  -a, --all            display all settings (-A and -X too)
  -b, --binary         print values without a line end
      --dry-run        print what would be set, and set nothing
  -e, --ignore         ignore settings that are not there
  -N, --names          print names without values
  -n, --values         print values without names
  -p, --load[=FILE]    read settings from FILE (default /etc/sysctl.conf; - for standard
                       input); further words are files too
  -r, --pattern REGEX  only settings that match
  -q, --quiet          do not print what was set
  -w, --write          every word must set something
      --socket PATH    control socket of the gateway
  -h, --help           this text
`;
