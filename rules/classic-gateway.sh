#!/bin/sh
# A gateway between two networks, set up by a script of plain iptables lines, in the style of the
# years when the FTP helper was loaded as a module and picked its connections by port.
#
#   172.16.0.0/16   the clients
#   192.168.0.10    the FTP server
#
# Pinhole reads this file and does not run it; a shell can run it as it stands.

CLIENTS="172.16.0.0/16"
SERVER="192.168.0.10"

# The helper watches port 21, and rewrites addresses where NAT is done.
modprobe ip_conntrack_ftp ports=21
modprobe ip_nat_ftp

echo "1" > /proc/sys/net/ipv4/ip_forward

# Begin with empty chains and let nothing through.
iptables -F
iptables -X
iptables -P FORWARD DROP

# Connections in hand, and the data connections that the FTP helper announces.
iptables -A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT

# The control connection, there and back.
iptables -A FORWARD -p tcp -s $CLIENTS -d $SERVER --dport 21 -j ACCEPT
iptables -A FORWARD -p tcp -s $SERVER --sport 21 -d $CLIENTS -j ACCEPT

# The passive range of the server, there and back. The helper makes these two lines needless; they
# stand for gateways that have to work without it.
iptables -A FORWARD -p tcp -s $CLIENTS -d $SERVER --dport 3000:4000 -j ACCEPT
iptables -A FORWARD -p tcp -s $SERVER --sport 3000:4000 -d $CLIENTS -j ACCEPT

# Ping: echo request and echo reply.
iptables -A FORWARD -p icmp --icmp-type 8 -j ACCEPT
iptables -A FORWARD -p icmp --icmp-type 0 -j ACCEPT

exit 0
