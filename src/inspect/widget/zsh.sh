d=$(umask 077 && mktemp -d) && printf '. /dev/fd/9\n' >"$d/.zshenv" || exec "$SHELL" -l
export COUNTERSIGN_START="$d" COUNTERSIGN_ZDOTDIR="${ZDOTDIR-@}"
exec 9<<'COUNTERSIGN'
exec 9<&-
rm -rf -- "$COUNTERSIGN_START"
if [[ $COUNTERSIGN_ZDOTDIR == @ ]]; then unset ZDOTDIR; else ZDOTDIR=$COUNTERSIGN_ZDOTDIR; fi
unset COUNTERSIGN_START COUNTERSIGN_ZDOTDIR
[[ -e ~/.hushlogin ]] || cat /run/motd.dynamic /etc/motd 2>/dev/null
[[ -r ${ZDOTDIR:-$HOME}/.zshenv ]] && . ${ZDOTDIR:-$HOME}/.zshenv

# Says something to the bastion, which takes it off the output.
__countersign_say() { printf '\033]7878;%s;%s\007' '@NONCE@' "$1" }

# The line as it stands, with control characters spelled out, and the key that submits exactly this line.
__countersign_tell() {
  emulate -L zsh; setopt noxtrace noverbose extendedglob
  local text map
  while [[ $BUFFER == *$'\n' ]]; do BUFFER=${BUFFER%$'\n'}; done
  CURSOR=$#BUFFER
  text=$PREBUFFER$BUFFER
  text=${text//(#m)[%[:cntrl:]]/%${(l:2::0:)$(([##16] #MATCH))}}
  __countersign_close
  (( __countersign_count += 1 ))
  for map in ${(k)keymaps:#.safe}; do
    bindkey -M $map "\e[7878;9;${__countersign_count}~" __countersign_go
  done
  __countersign_told=$PREBUFFER$BUFFER
  __countersign_say "line;$__countersign_count;;$text"
}

__countersign_go() {
  emulate -L zsh; setopt noxtrace noverbose
  __countersign_close
  if [[ $PREBUFFER$BUFFER == $__countersign_told ]]; then zle .accept-line; fi
}

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told.
__countersign_enter() {
  emulate -L zsh; setopt noxtrace noverbose
  __countersign_newline
  __countersign_say enter
}

__countersign_nothing() { }

__countersign_newline() { BUFFER+=$'\n'; CURSOR=$#BUFFER }

__countersign_clear() { BUFFER= CURSOR=0 }

# Completion would run a substitution in the line, and nobody was asked about it.
__countersign_complete() {
  if [[ $BUFFER == *['`(']* ]]; then zle .beep; else zle __countersign_was_$WIDGET; fi
}

__countersign_close() {
  local map
  for map in ${(k)keymaps:#.safe}; do
    bindkey -M $map -r "\e[7878;9;${__countersign_count}~"
  done 2>/dev/null
}

__countersign_prompt() {
  local code=$?
  emulate -L zsh; setopt noxtrace noverbose
  local name map
  zmodload zsh/zleparameter
  for name in nothing tell go enter newline clear complete; do zle -N __countersign_$name; done
  for name in accept-line accept-and-hold accept-and-infer-next-history accept-line-and-down-history vi-pound-insert pound-insert; do
    zle -N $name __countersign_enter
  done
  for name in {,menu-}expand-or-complete expand-or-complete-prefix {reverse-,accept-and-,}menu-complete complete-word \
    expand-word expand-cmd-path list-choices list-expand; do
    [[ $widgets[$name] == user:__countersign_complete ]] && continue
    zle -A $name __countersign_was_$name
    zle -N $name __countersign_complete
  done
  for map in ${(k)keymaps:#.safe}; do
    bindkey -M $map "^^" __countersign_nothing "\e[7878;1~" __countersign_tell "\e[7878;2~" __countersign_newline "\e[7878;3~" __countersign_clear
  done
  __countersign_say prompt
  return $code
}

typeset -g __countersign_count=0 __countersign_told=
typeset -ga precmd_functions
precmd_functions+=(__countersign_prompt)
COUNTERSIGN
ZDOTDIR=$d exec "$SHELL" -fc 'ARGV0=-zsh exec "$SHELL"'
