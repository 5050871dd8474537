# Read by interactive shells of the demo target. Written anew at each start.
if [ -n "${BASH_VERSION-}" ]; then
    PS1='${LOGNAME}@@HOST@:\w$ '
else
    PS1='${LOGNAME}@@HOST@:${PWD}$ '
fi
