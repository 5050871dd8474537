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

((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || return

# Says something to the bastion, which takes it off the output.
__countersign_say() { printf '\033]7878;%s;%s\007' '@NONCE@' "$1"; }

# The line as it stands, with control characters spelled out, and the key that submits exactly this line.
__countersign_tell() {
  { local - LC_ALL=C; set +xv; } 2>/dev/null
  local text code character
  while [[ $READLINE_LINE == *$'\n' ]]; do READLINE_LINE=${READLINE_LINE%$'\n'}; done
  text=${READLINE_LINE//%/%25}
  for code in {1..31} 127; do
    printf -v code %02x "$code"
    printf -v character "\\x$code"
    [[ $text == *"$character"* ]] && text=${text//"$character"/%$code}
  done
  __countersign_close
  __countersign_count=$((__countersign_count + 1))
  for code in emacs vi-insert vi-command; do
    bind -m $code "\"\\e[7878;9;$__countersign_count~\": accept-line"
  done
  __countersign_say "line;$__countersign_count;;$text"
}

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told.
__countersign_enter() {
  { local -; set +xv; } 2>/dev/null
  __countersign_newline
  __countersign_say enter
}

__countersign_newline() {
  { local -; set +xv; } 2>/dev/null
  READLINE_LINE+=$'\n'
  READLINE_POINT=${#READLINE_LINE}
}

__countersign_clear() { READLINE_LINE= READLINE_POINT=0; }

# No key submits a line any more, nor runs a part of it.
__countersign_close() {
  local map name
  for map in emacs vi-insert vi-command; do
    for name in accept-line operate-and-get-next insert-comment edit-and-execute-command emacs-edit-and-execute-command \
      vi-edit-and-execute-command shell-expand-line; do
      bind -m $map -u $name
    done
  done 2>/dev/null
}

__countersign_guard() {
  local map
  __countersign_close
  for map in emacs vi-insert vi-command; do
    bind -m $map -x '"\C-m": __countersign_enter'
    bind -m $map -x '"\C-j": __countersign_enter'
    bind -m $map -x '"\C-o": __countersign_enter'
    bind -m $map '"\C-^": set-mark'
    bind -m $map -x '"\e[7878;1~": __countersign_tell'
    bind -m $map -x '"\e[7878;2~": __countersign_newline'
    bind -m $map -x '"\e[7878;3~": __countersign_clear'
  done
}

__countersign_prompt() {
  { local - status=$?; set +xv; } 2>/dev/null
  __countersign_guard
  __countersign_say prompt
  return $status
}

__countersign_count=0
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND+=(__countersign_prompt)
else
  PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__countersign_prompt
fi
COUNTERSIGN
exec "$SHELL" --rcfile /dev/fd/9 -i
