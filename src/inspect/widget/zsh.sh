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
__countersign_say() { \builtin printf '\033]7878;%s;%s\007' '@NONCE@' "$1" }

# The line as it stands, with control characters spelled out, and the key that submits exactly this line. Nothing while
# a program runs, which may read a line by the same keys.
__countersign_tell() {
  \builtin emulate -L zsh; \builtin setopt noxtrace noverbose extendedglob nomultibyte
  \builtin local text map newline=0
  (( __countersign_editing )) || \builtin return
  while [[ $BUFFER == *$'\n' ]]; do BUFFER=${BUFFER%$'\n'} newline=1; done
  CURSOR=$#BUFFER
  text=$PREBUFFER$BUFFER
  text=${text//(#m)[%[:cntrl:]]/%${(l:2::0:)$(([##16] #MATCH))}}
  __countersign_close
  (( __countersign_count += 1 ))
  for map in ${(k)keymaps:#.safe}; do
    \builtin bindkey -M $map "\e@KEY@;9;${__countersign_count}~" __countersign_go
    \builtin bindkey -M $map "\e@KEY@;8;${__countersign_count}~" __countersign_last
  done
  __countersign_told=$PREBUFFER$BUFFER
  __countersign_say "line;$__countersign_count;;$newline;$#text;$text"
}

# Submits the line, if it is the one that was told. What is typed then is a program's.
__countersign_go() {
  \builtin emulate -L zsh; \builtin setopt noxtrace noverbose
  __countersign_close
  [[ $PREBUFFER$BUFFER == $__countersign_told ]] || \builtin return
  __countersign_editing=0
  \builtin zle .accept-line
}

# The same, and the bastion is told nothing any more.
__countersign_last() {
  __countersign_over=1
  __countersign_go
  __countersign_editing=0
}

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told. At a prompt that is
# so as well where an interrupt kept the shell from announcing it.
__countersign_enter() {
  \builtin emulate -L zsh; \builtin setopt noxtrace noverbose
  if (( __countersign_over )) || [[ $__countersign_editing == 0 && $CONTEXT != start ]]; then
    \builtin zle .accept-line
    \builtin return
  fi
  __countersign_editing=1
  __countersign_newline
  __countersign_say enter
}

__countersign_nothing() { }

__countersign_newline() { __countersign_close; BUFFER+=$'\n'; CURSOR=$#BUFFER }

__countersign_clear() { __countersign_close; BUFFER= CURSOR=0 }

# Completion would run a substitution in the line, and nobody was asked about it.
__countersign_complete() {
  if [[ $PREBUFFER$BUFFER == *['`(']* ]]; then \builtin zle .beep; else \builtin zle __countersign_was_$WIDGET; fi
}

__countersign_close() {
  \builtin local map
  for map in ${(k)keymaps:#.safe}; do
    \builtin bindkey -M $map -r "\e@KEY@;9;${__countersign_count}~"
    \builtin bindkey -M $map -r "\e@KEY@;8;${__countersign_count}~"
  done 2>/dev/null
}

__countersign_prompt() {
  \builtin local code=$?
  \builtin emulate -L zsh; \builtin setopt noxtrace noverbose
  (( __countersign_over )) && \builtin return $code
  \builtin local name map
  \builtin zmodload zsh/zleparameter
  for name in nothing tell go last enter newline clear complete; do \builtin zle -N __countersign_$name; done
  for name in accept-line accept-and-hold accept-and-infer-next-history accept-line-and-down-history vi-pound-insert \
    pound-insert accept-search; do
    \builtin zle -N $name __countersign_enter
  done
  for name in {,menu-}expand-or-complete expand-or-complete-prefix {reverse-,accept-and-,}menu-complete complete-word \
    expand-word expand-cmd-path list-choices list-expand delete-char-or-list menu-select \
    ${${(k)widgets[(R)completion:*]}:#__countersign_was_*}; do
    [[ ${widgets[$name]-} == (|user:__countersign_complete) ]] && continue
    \builtin zle -A $name __countersign_was_$name
    \builtin zle -N $name __countersign_complete
  done
  # This one evaluates what is typed to it.
  \builtin zle -N _read_comp __countersign_nothing
  # These wait for an Enter of their own.
  \builtin zle -A .history-incremental-search-backward vi-history-search-backward
  \builtin zle -A .history-incremental-search-forward vi-history-search-forward
  for map in ${(k)keymaps:#.safe}; do
    # These submit, or run another one by its name, and cannot be replaced.
    for name in ${(M)${(f)"$(\builtin bindkey -M $map)"}:#*(execute-named-cmd|execute-last-named-cmd|which-command|run-help)}; do
      \builtin bindkey -M $map ${(Q)name% *} __countersign_nothing
    done
    \builtin bindkey -M $map "^^" __countersign_nothing "\e@KEY@;1~" __countersign_tell "\e@KEY@;2~" __countersign_newline "\e@KEY@;3~" __countersign_clear
  done
  __countersign_close
  __countersign_editing=1
  __countersign_say prompt
  \builtin return $code
}

typeset -g __countersign_count=0 __countersign_told= __countersign_over=0 __countersign_editing=0
typeset -ga precmd_functions
precmd_functions+=(__countersign_prompt)
COUNTERSIGN
ZDOTDIR=$d exec "$SHELL" -fc 'ARGV0=-zsh exec "$SHELL"'
