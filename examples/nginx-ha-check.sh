#!/bin/sh
# Check of a vrrp_script: is nginx alive? When it is not, start it again; when
# that does not help, stop the VRRP daemon of this machine so that the other
# one takes the address. Works for holdfast and for keepalived.
#
#   nginx-ha-check.sh [NGINX_PIDFILE [DAEMON_PIDFILE [START_COMMAND...]]]
#
# NGINX_PIDFILE   default /run/nginx.pid
# DAEMON_PIDFILE  default: the first of a live process among /run/holdfast/holdfast.pid and
#                 /run/keepalived.pid
# START_COMMAND   default: systemctl restart nginx, or nginx without systemd
#
# Exit status 0: nginx runs. 1: it does not, and the daemon was told to stop.
# After the cause is mended, start the daemon again by hand: a machine whose
# web server dies at once must not take the address back by itself.

nginx_pidfile=${1:-/run/nginx.pid}
daemon_pidfile=${2:-}
if [ $# -gt 2 ]; then shift 2; else shift $#; fi

# alive PIDFILE: is the process of this file running, and is it nginx? The
# name is compared because a stale file may name somebody else's process.
alive() {
	[ -r "$1" ] || return 1
	read -r pid <"$1" || return 1
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nginx ]
}

say() {
	logger -t nginx-ha-check "$1" 2>/dev/null
	echo "nginx-ha-check: $1" >&2
}

alive "$nginx_pidfile" && exit 0

say "nginx is not running, starting it"
if [ $# -gt 0 ]; then
	"$@"
elif [ -d /run/systemd/system ]; then
	systemctl restart nginx
else
	nginx
fi

# Give it a moment to come up; vrrp_script's timeout must allow for this.
for _ in 1 2 3; do
	alive "$nginx_pidfile" && exit 0
	sleep 1
done
alive "$nginx_pidfile" && exit 0

if [ -z "$daemon_pidfile" ]; then
	for daemon_pidfile in /run/holdfast/holdfast.pid /run/keepalived.pid; do
		read -r daemon <"$daemon_pidfile" && kill -0 "$daemon" && break
	done 2>/dev/null
fi
say "nginx does not start: stopping the VRRP daemon of $daemon_pidfile"
if [ -r "$daemon_pidfile" ] && read -r daemon <"$daemon_pidfile" && [ -n "$daemon" ]; then
	kill -TERM "$daemon"
fi
exit 1
