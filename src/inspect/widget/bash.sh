exec 9<<'COUNTERSIGN'
exec 9<&-
BASH_ARGV0=-bash
[ -e ~/.hushlogin ] || cat /run/motd.dynamic /etc/motd 2>/dev/null
[ -r /etc/profile ] && . /etc/profile
for __countersign_file in ~/.bash_profile ~/.bash_login ~/.profile; do
  if [ -r "$__countersign_file" ]; then . "$__countersign_file"; break; fi
done
unset __countersign_file BASH_ARGV0
logout() { exit "$@"; }
[ -r ~/.bash_logout ] && [ -z "$(trap -p EXIT)" ] && trap '. ~/.bash_logout' EXIT

# Before, keys that are unbound by name stay bound behind a prefix.
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) || return

# Says something to the bastion, which takes it off the output.
__countersign_say() { \builtin printf '\033]7878;%s;%s\007' '@NONCE@' "$1"; }

# The line as it stands, with control characters spelled out, and the key that submits exactly this line. Nothing while
# a program runs, which may read a line by the same keys.
__countersign_tell() {
  { \builtin local - LC_ALL=C; \builtin set +xv; } 2>/dev/null
  \builtin local text code character hex map newline=0
  ((__countersign_editing)) || return
  while [[ $READLINE_LINE == *$'\n' ]]; do READLINE_LINE=${READLINE_LINE%$'\n'} newline=1; done
  text=${READLINE_LINE//%/%25}
  for ((code = 1; code <= 127; code = code == 31 ? 127 : code + 1)); do
    \builtin printf -v hex %02x "$code"
    \builtin printf -v character "\\x$hex"
    [[ $text == *"$character"* ]] && text=${text//"$character"/%$hex}
  done
  __countersign_close
  __countersign_count=$((__countersign_count + 1))
  for map in emacs vi-insert vi-command; do
    \builtin bind -m $map "\"\e@KEY@;9;$__countersign_count~\": \"\e@KEY@;4;$__countersign_count~\e@KEY@;6;$__countersign_count~\""
    \builtin bind -m $map "\"\e@KEY@;8;$__countersign_count~\": \"\e@KEY@;5;$__countersign_count~\e@KEY@;6;$__countersign_count~\""
    \builtin bind -m $map -x "\"\e@KEY@;4;$__countersign_count~\": __countersign_go"
    \builtin bind -m $map -x "\"\e@KEY@;5;$__countersign_count~\": __countersign_last"
  done
  __countersign_told=$READLINE_LINE
  __countersign_say "line;$__countersign_count;;$newline;${#text};$text"
}

# Lets the next key submit the line, if it is the one that was told. What is typed then is a program's.
__countersign_go() {
  { \builtin local -; \builtin set +xv; } 2>/dev/null
  __countersign_close
  [[ $READLINE_LINE == "$__countersign_told" ]] || return
  __countersign_open
  \builtin local map
  for map in emacs vi-insert vi-command; do
    \builtin bind -m $map "\"\e@KEY@;6;$__countersign_count~\": accept-line"
  done
}

# The same, and the bastion is told nothing any more.
__countersign_last() {
  __countersign_over=1
  __countersign_go
  __countersign_open
}

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told.
__countersign_enter() {
  { \builtin local -; \builtin set +xv; } 2>/dev/null
  __countersign_newline
  __countersign_say enter
}

__countersign_newline() {
  { \builtin local -; \builtin set +xv; } 2>/dev/null
  __countersign_close
  READLINE_LINE+=$'\n'
  READLINE_POINT=${#READLINE_LINE}
}

__countersign_clear() {
  { \builtin local -; \builtin set +xv; } 2>/dev/null
  __countersign_close
  READLINE_LINE= READLINE_POINT=0
}

# Enter is Enter.
__countersign_open() {
  \builtin local map
  __countersign_editing=0
  for map in emacs vi-insert vi-command; do
    \builtin bind -m $map '"\C-m": accept-line'
    \builtin bind -m $map '"\C-j": accept-line'
  done
}

# No key submits a line any more, nor runs a part of it.
__countersign_close() {
  \builtin local map name
  for map in emacs vi-insert vi-command; do
    for name in 9 8 4 5 6; do \builtin bind -m $map -r "\e@KEY@;$name;$__countersign_count~"; done
    for name in accept-line operate-and-get-next insert-comment edit-and-execute-command emacs-edit-and-execute-command \
      vi-edit-and-execute-command shell-expand-line re-read-init-file execute-named-command dump-functions dump-macros \
      dump-variables; do
      \builtin bind -m $map -u $name
    done
  done 2>/dev/null
}

__countersign_guard() {
  \builtin local map name
  __countersign_close
  # Nothing but a line may wait for Enter.
  \builtin bind 'set completion-query-items 0'
  \builtin bind 'set page-completions off'
  for map in emacs vi-insert vi-command; do
    for name in non-incremental-{reverse,forward}-search-history{,-again} vi-search{,-again}; do
      \builtin bind -m $map -u $name
    done
    \builtin bind -m $map -x '"\C-m": __countersign_enter'
    \builtin bind -m $map -x '"\C-j": __countersign_enter'
    \builtin bind -m $map -x '"\C-o": __countersign_enter'
    \builtin bind -m $map '"\C-^": set-mark'
    \builtin bind -m $map -x '"\e@KEY@;1~": __countersign_tell'
    \builtin bind -m $map -x '"\e@KEY@;2~": __countersign_newline'
    \builtin bind -m $map -x '"\e@KEY@;3~": __countersign_clear'
  done
  \builtin bind -m vi-command '/: reverse-search-history'
  \builtin bind -m vi-command '?: forward-search-history'
  __countersign_editing=1
}

__countersign_prompt() {
  { \builtin local - status=$?; \builtin set +xv; } 2>/dev/null
  ((__countersign_over)) && \builtin return $status
  __countersign_guard
  __countersign_say prompt
  \builtin return $status
}

__countersign_count=0 __countersign_over=0 __countersign_editing=0 __countersign_told=
# A shell below this one has no such function.
export -n PROMPT_COMMAND
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND+=(__countersign_prompt)
else
  PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__countersign_prompt
fi
COUNTERSIGN
exec "$SHELL" --rcfile /dev/fd/9 -i
