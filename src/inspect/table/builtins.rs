//! Builtins of shells that are more than programs.

/// Builtins that run text, change what names mean, or evaluate names given to them.
pub(in crate::inspect) const UNREADABLE: &[(&str, &str)] = &[
    ("source", "a file that the shell reads"),
    (".", "a file that the shell reads"),
    ("function", "a function that shells read differently"),
    ("autoload", "a name that is given another meaning"),
    ("zmodload", "a name that is given another meaning"),
    ("zle", "text that runs later"),
    ("bindkey", "text that runs later"),
    ("compgen", "text that runs later"),
    ("fc", "a command from the history"),
    ("r", "a command from the history"),
    ("coproc", "a coprocess"),
    ("select", "syntax of another shell"),
    ("repeat", "syntax of another shell"),
    ("foreach", "syntax of another shell"),
    ("noglob", "syntax of another shell"),
    ("nocorrect", "syntax of another shell"),
    ("-", "syntax of another shell"),
    ("emulate", "syntax of another shell"),
    ("sched", "text that runs later"),
];

/// Builtins that evaluate an array index inside a name they are given.
pub(in crate::inspect) const NAMING: &str =
    "read unset printf test [ declare typeset local export readonly getopts wait";
