exec 9<<'COUNTERSIGN'
# Says something to the bastion, which takes it off the output.
function __countersign_say; printf '\e]7878;%s;%s\a' '@NONCE@' $argv[1]; end

# The line as it stands, with control characters spelled out, and the key that submits exactly this line.
function __countersign_tell
  set -l text (commandline -b | string collect)
  commandline -r -- $text
  set -l spelled (string replace -a '%' '%25' -- $text | string collect)
  for code in (seq 1 31) 127
    set -l code (printf %02x $code)
    set spelled (string replace -a (printf "\\x$code" | string collect -N) "%$code" -- $spelled | string collect)
  end
  __countersign_close
  set -g __countersign_count (math $__countersign_count + 1)
  for mode in $__countersign_modes
    bind -M $mode \e"[7878;9;$__countersign_count~" execute
  end
  set -l ends
  commandline --is-valid
  switch $status
    case 0 1; set ends here
    case 2; set ends later
  end
  __countersign_say "line;$__countersign_count;$ends;$spelled"
end

function __countersign_close
  for mode in $__countersign_modes
    bind -e -M $mode \e"[7878;9;$__countersign_count~"
  end 2>/dev/null
end

# Enter by any other way than the bastion's: it becomes a part of the line, and the bastion is told.
function __countersign_enter
  __countersign_newline
  __countersign_say enter
end

function __countersign_newline
  commandline -f end-of-buffer
  commandline -a -- \n
  commandline -f end-of-buffer
end

function __countersign_clear; commandline -r -- ''; end

function __countersign_nothing; end

function __countersign_guard --on-event fish_prompt
  for mode in $__countersign_modes
    bind -M $mode \r __countersign_enter
    bind -M $mode \n __countersign_enter
    bind -M $mode \e\r __countersign_enter
    bind -M $mode \x1e __countersign_nothing
    bind -M $mode \e"[7878;1~" __countersign_tell
    bind -M $mode \e"[7878;2~" __countersign_newline
    bind -M $mode \e"[7878;3~" __countersign_clear
  end
  __countersign_say prompt
end

set -g __countersign_modes default insert visual replace replace_one
set -g __countersign_count 0
COUNTERSIGN
exec "$SHELL" -l -C 'cat <&9 | source'
