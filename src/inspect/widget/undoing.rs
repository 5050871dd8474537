//! Lines that may change the shell by which the Enter widget reports: whatever it tells after one of them is not believed.
//!
//! Words are looked for wherever they stand, quoted or not. It does not see what is hidden in variables or in files that
//! a line does not name: the widget is a guard rail.

/// What the widget uses, what can put something else in its place, and what shows its secrets.
const NAMES: &[&str] = &[
    "abbr",
    "add",
    "alias",
    "autoload",
    "bind",
    "bindkey",
    "builtin",
    "commandline",
    "compdef",
    "compgen",
    "complete",
    "compopt",
    "declare",
    "disable",
    "emit",
    "emulate",
    "enable",
    "eval",
    "exec",
    "fc",
    "fish_config",
    "fish_prompt",
    "funced",
    "funcsave",
    "function",
    "functions",
    "hash",
    "local",
    "precmd",
    "precmd_functions",
    "readonly",
    "set",
    "setopt",
    "shopt",
    "source",
    "stty",
    "trap",
    "type",
    "typeset",
    "unalias",
    "unfunction",
    "unhash",
    "unset",
    "unsetopt",
    "vared",
    "whence",
    "which",
    "zle",
    "zmodload",
    "zpty",
    "ENV",
    "BASH_ENV",
    "INPUTRC",
    "PATH",
    "PROMPT_COMMAND",
    "READLINE_LINE",
    "ZDOTDIR",
    "fpath",
    "gdb",
    "strace",
    "ltrace",
];
/// Ways to edit, which the widget knows.
const HARMLESS: &[&str] = &["set -o vi", "set -o emacs"];

/// Whether a line may change the shell that runs it, which runs these programs.
pub(super) fn changes_shell<'a>(text: &str, mut programs: impl Iterator<Item = &'a str>) -> bool {
    if HARMLESS.contains(&text.trim()) {
        return false;
    }
    let tight: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    // What is escaped or quoted within a word is still that word.
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, '\\' | '\'' | '"'))
        .collect();
    let words = |text: &str| {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|word| is_name(word) || word.starts_with("__countersign"))
    };
    tight.contains("()")
        || words(text)
        || words(&bare)
        || dots(text)
        || tight.contains("/proc/")
        || programs.any(is_name)
}

/// Whether a program's name is one by which a shell may be changed.
fn is_name(name: &str) -> bool {
    name == "." || NAMES.contains(&name)
}

/// Whether a file is read as commands by its short name, a dot.
fn dots(text: &str) -> bool {
    text.split([';', '&', '|', '\n', '(', '{'])
        .any(|command| command.split_whitespace().next() == Some("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_defines_something_or_names_what_the_widget_uses_changes_the_shell() {
        for line in [
            "printf() { :; }",
            "local () { :; }",
            "function printf { :; }",
            "alias ls=date",
            "al\\ias ls=date",
            "trap x DEBUG",
            "bind -x 'x'",
            "exec zsh",
            ". ~/x",
            "ls; . x",
            "source x",
            "PATH=/tmp",
            "set",
            "set +B",
            "typeset -f",
            "stty -echo",
            "echo $__countersign_told",
            "strings /proc/$$/mem",
        ] {
            assert!(changes_shell(line, std::iter::empty()), "{line}");
        }
        for line in [
            "ls -l",
            "set -o vi",
            "vim x",
            "echo bindings",
            "cat a.b",
            "ls . ..",
        ] {
            assert!(!changes_shell(line, std::iter::empty()), "{line}");
        }
    }
}
