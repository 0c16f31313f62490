/** Programs by name: what they mean to a script that is read and not run. */

/** `iptables`, `/sbin/ip6tables-legacy`, `iptables-nft-save`: family and what it does. */
export interface FirewallProgram {
  readonly family: 4 | 6;
  readonly action: 'rule' | 'restore' | 'save';
}

const FIREWALL = /^ip(6?)tables(?:-legacy|-nft)?(-restore|-save)?$/;

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function firewallProgram(name: string): FirewallProgram | null {
  const found = FIREWALL.exec(baseName(name));
  if (found === null) return null;
  const action = found[2] === undefined ? 'rule' : found[2] === '-save' ? 'save' : 'restore';
  return { family: found[1] === '6' ? 6 : 4, action };
}

/** Commands that do nothing to rules and whose output only a run could tell. */
const harmless = new Set(
  `sleep logger touch rm rmdir mkdir chmod chown chgrp cp mv ln sync clear tput wait kill killall
  pkill pgrep pidof date hostname uname ps ls cat tac grep egrep fgrep zgrep sed cut tr sort uniq head tail
  wc tee stat file du df free uptime dmesg mount umount swapoff who w id whoami groups users getent host
  dig nslookup ping ping6 traceroute wget curl lynx fetch ssh scp rsync apt apt-get dpkg yum dnf rpm
  opkg apk pacman zypper systemctl service rc-service rc-update update-rc.d chkconfig initctl start stop
  status restart invoke-rc.d crontab at mail sendmail mailx lsmod depmod modinfo rmmod fuser lsof netstat
  ss arp mktemp readlink realpath which whereis tty stty setterm reset nvram uci logread gzip gunzip
  bzip2 tar zcat md5sum sha256sum cmp diff comm join paste rev nl fold expand seq yes expr bc dc
  dirname basename printenv locale setfont loadkeys hwclock timedatectl ntpdate install chroot su
  passwd useradd usermod adduser addgroup groupadd flock lockfile restorecon chcon semanage
  setsebool getenforce setenforce aa-status fail2ban-client more less pager column dialog whiptail
  notify-send wall daemon start-stop-daemon log_daemon_msg log_end_msg log_progress_msg
  log_action_msg log_action_begin_msg log_action_end_msg log_success_msg log_failure_msg log_warning_msg
  success failure passed warning action einfo ewarn eerror ebegin eend checkpath egetopt setleds beep`.split(
    /\s+/,
  ),
);

/** Programs that shape the network beside the rules: a warning, once for each. */
const network = new Set(
  `ip tc route ifconfig ifup ifdown brctl bridge vconfig ethtool iw iwconfig wg wg-quick conntrack
  arptables arptables-restore ebtables ebtables-restore tunctl openvpn ipvsadm pppd dhclient dhcpcd
  iptunnel mii-tool ipmaddr nmcli networkctl netplan radvd macchanger firewall-cmd ufw`.split(
    /\s+/,
  ),
);

const others = new Set(
  `sh bash dash ash env sudo nice ionice nohup time timeout exec command modprobe insmod sysctl ipset
  nfct awk gawk mawk xargs find perl python python3 true false test`.split(/\s+/),
);

export function isHarmless(name: string): boolean {
  return harmless.has(baseName(name));
}

export function isNetworkProgram(name: string): boolean {
  return network.has(baseName(name));
}

/** Whether `name` is a program that hosts of this kind have, by name or by path. */
export function isProgram(name: string): boolean {
  if (/\s/.test(name) || (name.includes('/') && !/\/s?bin\/[^/]+$/.test(name))) return false;
  const base = baseName(name);
  return (
    harmless.has(base) || network.has(base) || others.has(base) || firewallProgram(base) !== null
  );
}
