# shellcheck shell=bash
# shellcheck disable=SC2154 # run_dir is set by scripts/lab
# The laboratory's FTP server. Sourced by scripts/lab, whose die, namespace, inside, record_process
# and run_dir it uses.

ftp_user() {
  local user
  for user in ftp nobody; do
    if id -u "$user" >/dev/null 2>&1; then
      printf '%s' "$user"
      return
    fi
  done
  die 'the FTP server needs a user called ftp or nobody'
}

# One FTP root per server, so that uploads to the outside and the inside one do not meet.
seed_files() {
  local place=$1 root=$run_dir/$1/ftp
  mkdir -p "$root/pub/incoming" "$run_dir/$place/empty"
  printf 'Hello from the %s of the Pinhole laboratory.\n' "$place" >"$root/pub/hello.txt"
  if [[ ! -f $run_dir/big.bin ]]; then
    # The key stream of a cipher: looks random, is the same everywhere.
    node -e 'const c = require("node:crypto").createCipheriv("aes-128-ctr", "pinhole-lab-seed", Buffer.alloc(16));
      process.stdout.write(c.update(Buffer.alloc(3 << 20)));' >"$run_dir/big.bin"
  fi
  ln "$run_dir/big.bin" "$root/pub/big.bin"
  chown "$(ftp_user)" "$root/pub/incoming"
}

# listen_ipv6 makes one socket that takes IPv4 as well. seccomp_sandbox=NO: the filter of vsftpd
# 3.0.3 kills sessions on newer C libraries. isolate*=NO keeps the session's processes in the
# namespace where `lab down` finds them.
write_ftpd_config() {
  local dir=$run_dir/$1
  cat >"$dir/vsftpd.conf" <<CONF
listen=NO
listen_ipv6=YES
listen_port=21
background=NO
anonymous_enable=YES
no_anon_password=YES
local_enable=NO
ftp_username=$(ftp_user)
anon_root=$dir/ftp
secure_chroot_dir=$dir/empty
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
pasv_enable=YES
pasv_min_port=50000
pasv_max_port=50100
pasv_promiscuous=NO
port_enable=YES
port_promiscuous=NO
connect_from_port_20=YES
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
syslog_enable=NO
xferlog_enable=YES
xferlog_std_format=NO
log_ftp_protocol=YES
vsftpd_log_file=$dir/vsftpd.log
CONF
}

start_ftpd() {
  local place=$1 dir=$run_dir/$1 pid
  seed_files "$place"
  write_ftpd_config "$place"
  setsid ip netns exec "$(namespace "$place")" vsftpd "$dir/vsftpd.conf" \
    </dev/null >"$dir/vsftpd.out" 2>&1 &
  pid=$!
  record_process "$pid"
  printf '%s\n' "$pid" >"$dir/vsftpd.pid"
  for _ in {1..100}; do
    # Port 21 in state 0A (listening), as /proc writes it.
    if inside "$place" grep -qsE ':0015 [0-9A-F]{32}:0000 0A ' /proc/net/tcp6; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  die "the FTP server in the $place namespace does not start: $(tail -n 1 "$dir/vsftpd.out")"
}
