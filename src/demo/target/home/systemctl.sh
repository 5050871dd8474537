#!/bin/sh
# A stand-in for systemctl on the demo target: it remembers what it was told, and nothing happens. Written anew
# at each start.
states=$HOME/.demo-services
verb=
for argument; do
    case $argument in
        -*) ;;
        *) if [ -z "$verb" ]; then verb=$argument; else names="${names-} $argument"; fi ;;
    esac
done
note() { echo "[demo] systemctl is a stand-in: $1" >&2; }
remember() { mkdir -p "$states" && echo "$2" > "$states/$1"; }
state_of() { cat "$states/$1" 2>/dev/null || echo active; }

if [ -z "${names-}" ]; then
    note 'it knows status, is-active, start, stop, restart and reload, each with a NAME'
    exit 1
fi
code=0
for name in $names; do
    name=${name%.service}
    case $name in
        */*|.*|'') echo "Invalid unit name \"$name\"." >&2; exit 1 ;;
    esac
    case $verb in
        status)
            state=$(state_of "$name")
            [ "$state" = active ] || code=3
            echo "● $name.service - $name [demo]"
            echo "     Loaded: loaded (/etc/systemd/system/$name.service; enabled) [demo]"
            if [ "$state" = active ]; then echo '     Active: active (running) [demo]'
            else echo '     Active: inactive (dead) [demo]'; fi ;;
        is-active) state=$(state_of "$name"); [ "$state" = active ] || code=3; echo "$state" ;;
        start|restart|reload|reload-or-restart|try-restart)
            remember "$name" active; note "$verb of $name.service on ${DEMO_TARGET-this target} was pretended" ;;
        stop)
            remember "$name" inactive; note "stop of $name.service on ${DEMO_TARGET-this target} was pretended" ;;
        *) note "it does not know $verb"; exit 1 ;;
    esac
done
exit $code
