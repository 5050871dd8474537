//! What one command writes to variables: by assignments, by loops, and by builtins that are given names.

use super::super::options;
use super::super::shell::RawCommand;
use super::super::word;

/// One way in which a variable gets a value.
pub(super) enum Write {
    /// This value, as written.
    Value(String),
    /// Each of these words in turn.
    Each(Vec<String>),
    /// From the input.
    Told,
    /// What nobody knows.
    Anything,
}

/// Adds what a command writes to variables; `fed` where its input may be the text's own.
pub(super) fn writes_of(command: &RawCommand, fed: bool, writes: &mut Vec<(String, Write)>) {
    for assignment in &command.assignments {
        let write = match (&assignment.each, assignment.raw.split_once('=')) {
            (Some(each), _) => Write::Each(each.clone()),
            (None, Some((name, value))) if !name.ends_with('+') && !value.starts_with('(') => {
                Write::Value(value.to_owned())
            }
            // Arrays, and what is appended.
            (None, _) => Write::Anything,
        };
        writes.push((assignment.name.clone(), write));
    }
    let words = &command.words;
    let name = |raw: &String| word::resolve(raw).0.fixed().map(str::to_owned);
    let rest = words.get(1..).unwrap_or_default();
    match words.first().and_then(name).as_deref() {
        Some("read") => {
            let named = rest
                .iter()
                .filter_map(name)
                .filter(|word| !word.starts_with('-'));
            let write = || if fed { Write::Anything } else { Write::Told };
            writes.extend(named.map(|name| (name, write())));
            writes.push(("REPLY".to_owned(), write()));
        }
        Some("mapfile" | "readarray" | "getopts" | "printf" | "wait" | "eval") => {
            let named = rest.iter().filter_map(name);
            writes.extend(named.map(|word| (variable(&word), Write::Anything)));
        }
        Some("declare" | "typeset" | "local" | "export" | "readonly") => {
            for raw in rest {
                match raw.split_once('=') {
                    Some((name, value))
                        if options::assignment(raw).is_some() && !name.ends_with('+') =>
                    {
                        writes.push((name.to_owned(), Write::Value(value.to_owned())));
                    }
                    _ => writes.extend(
                        name(raw)
                            .map(|word| (variable(&word), Write::Anything))
                            .filter(|_| raw.contains('=')),
                    ),
                }
            }
        }
        _ => {}
    }
}

/// The variable that a word of a builtin names.
fn variable(word: &str) -> String {
    word.split(['=', '+', '['])
        .next()
        .unwrap_or_default()
        .to_owned()
}
