exec 9<<'COUNTERSIGN'
# Says something to the bastion, which takes it off the output.
function __countersign_say; builtin printf '\e]7878;%s;%s\a' '@NONCE@' $argv[1]; end

# The line as it stands, with control characters spelled out, and the key that submits exactly this line. Nothing while
# a program runs, which may read a line by the same keys.
function __countersign_tell
  test $__countersign_editing = 1; or return
  set -l newline 0
  set -l text (commandline -b | builtin string collect)
  # It prints one newline of its own.
  builtin string match -q -r '\n\n\z' -- (commandline -b | builtin string collect -N); and set newline 1
  commandline -r -- $text
  set -l spelled (builtin string replace -a '%' '%25' -- $text | builtin string collect)
  set -l number 1
  while test $number -le 127
    set -l code (builtin printf %02x $number)
    set spelled (builtin string replace -a (builtin printf "\\x$code" | builtin string collect -N) "%$code" -- $spelled | builtin string collect)
    set number (math $number + 1)
    test $number = 32; and set number 127
  end
  __countersign_close
  set -g __countersign_count (math $__countersign_count + 1)
  for mode in $__countersign_modes
    builtin bind -M $mode \e"@KEY@;9;$__countersign_count~" __countersign_go
    builtin bind -M $mode \e"@KEY@;8;$__countersign_count~" __countersign_last
  end
  set -g __countersign_told $text
  set -l ends
  commandline --is-valid
  switch $status
    case 0 1; set ends here
    case 2; set ends later
  end
  __countersign_say "line;$__countersign_count;$ends;$newline;"(builtin string length -- "$spelled")";$spelled"
end

# Submits the line, if it is the one that was told. What is typed then is a program's.
function __countersign_go
  __countersign_close
  test (commandline -b | builtin string collect)x = "$__countersign_told"x; or return
  # What is empty or no command of fish's runs nothing.
  commandline --is-valid; and builtin string match -q -r '\S' -- $__countersign_told; and set -g __countersign_editing 0
  # Behind two spaces no abbreviation is expanded any more.
  if test (count (abbr --list 2>/dev/null)) -gt 0; and not builtin string match -q -r '\\\\\z' -- $__countersign_told
    commandline -r -- "$__countersign_told  "
  end
  # As its own keys do: the next line begins where text is written.
  builtin contains -- "$fish_key_bindings" fish_vi_key_bindings fish_hybrid_key_bindings; and set fish_bind_mode insert
  commandline -f execute
end

# The same, and the bastion is told nothing any more.
function __countersign_last
  set -g __countersign_over 1
  __countersign_go
end

function __countersign_close
  for mode in $__countersign_modes
    builtin bind -e -M $mode \e"@KEY@;9;$__countersign_count~"
    builtin bind -e -M $mode \e"@KEY@;8;$__countersign_count~"
  end 2>/dev/null
end

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told.
function __countersign_enter
  if test $__countersign_editing$__countersign_over != 10
    commandline -f execute
    return
  end
  __countersign_newline
  __countersign_say enter
end

function __countersign_newline
  __countersign_close
  commandline -f end-of-buffer
  commandline -a -- \n
  commandline -f end-of-buffer
end

function __countersign_clear; __countersign_close; commandline -r -- ''; end

# Keys that submit a part of the line, or open a program in which one could be typed.
function __fish_toggle_comment_commandline; end
function edit_command_buffer; end
function __fish_preview_current_file; end
function __fish_man_page; end
function __fish_whatis_current_token; end
function __fish_list_current_token; end
function __fish_paginate; end

# At once, for an interrupt may keep the shell from announcing its next prompt.
function __countersign_ran --on-event fish_postexec; set -g __countersign_editing 1; end

function __countersign_guard --on-event fish_prompt
  test $__countersign_over = 1; and return
  __countersign_close
  builtin bind --preset K 2>/dev/null | builtin string match -q '* man*'; and builtin bind -e --preset K
  for mode in $__countersign_modes
    builtin bind -M $mode \r __countersign_enter
    builtin bind -M $mode \n __countersign_enter
    builtin bind -M $mode \e\r __countersign_enter
    builtin bind -M $mode \x1e end-of-buffer expand-abbr
    builtin bind -M $mode \e"@KEY@;1~" __countersign_tell
    builtin bind -M $mode \e"@KEY@;2~" __countersign_newline
    builtin bind -M $mode \e"@KEY@;3~" __countersign_clear
  end
  set -g __countersign_editing 1
  __countersign_say prompt
end

set -g __countersign_modes default insert visual replace replace_one
set -g __countersign_count 0
set -g __countersign_over 0
set -g __countersign_editing 0
set -g __countersign_told ''
COUNTERSIGN
exec "$SHELL" -l -C 'command cat <&9 | builtin source'
