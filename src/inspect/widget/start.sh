q=$(stty -g 2>/dev/null) && stty -echo -icanon min 1 time 0 && printf "\033]7878;hello;%s\007" "${SHELL##*/}" && c=$(head -c "$(head -c 8)") && stty "$q" && unset SHLVL && eval "$c"; exec "$SHELL" -l
