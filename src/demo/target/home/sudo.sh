#!/bin/sh
# A stand-in for sudo on the demo target: it changes nobody. Written anew at each start.
me=$(id -un 2>/dev/null || id -u)
as=root
mode=command
note() { echo "[demo] sudo is a stand-in: $1" >&2; }
usage() { echo 'usage: sudo [-inSs] [-u user] [--] [command [argument ...]]' >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        -u|--user) [ $# -ge 2 ] || usage; as=$2; shift ;;
        -u?*) as=${1#-u} ;;
        --user=*) as=${1#--user=} ;;
        -g|-p|-C|-h|-r|-t|-D|-R|-T) [ $# -ge 2 ] || usage; shift ;;
        -i|--login|-s|--shell) mode=shell ;;
        -l|--list) note "$me may run anything here, as $me"; exit 0 ;;
        -v|--validate|-k|-K) if [ $# -eq 1 ]; then exit 0; fi ;;
        -n|-E|-H|-S|-b|-A|-B|-P|--non-interactive|--preserve-env*|--set-home|--stdin) ;;
        -[gpChrtDRT]?*) ;;
        # Joined letters, as in -iu postgres: the first comes off, the others stay.
        -[!-]?*) first=${1%"${1#??}"}; rest=-${1#??}; shift; set -- "$first" "$rest" "$@"; continue ;;
        -*) usage ;;
        [A-Za-z_]*=*) export "$1" ;;
        *) break ;;
    esac
    shift
done

if [ "$me" = "$as" ]; then
    note "this runs as $me, as everything does here"
else
    note "this runs as $me, not as $as"
fi
if [ $# -eq 0 ]; then
    [ "$mode" = shell ] || usage
    note 'this shell is yours, too; leave it with exit'
    exec "${SHELL:-/bin/sh}"
fi
case "$as $*" in
    'root id') echo 'uid=0(root) gid=0(root) groups=0(root)' ;;
    'root whoami') echo root ;;
    *) exec "$@" ;;
esac
