//! Whether a text is one plain command and nothing else.
//!
//! Invariant: every character of the text belongs to the words that it gives, or is a space between them. What a word
//! is certain to be, or what folder it is in, is all that may be left to the shell.

use crate::domain::command::SimpleCommand;

use super::shell;
use super::unwrap::program_name;
use super::word::{self, Word};

/// The command that a text is.
pub(super) fn read(text: &str) -> Option<SimpleCommand> {
    let script = shell::parse(text).ok()?;
    let [only] = script.commands.as_slice() else {
        return None;
    };
    let bare = script.unknowns.is_empty()
        && script.substitutions.is_empty()
        && script.paths.is_empty()
        && script.inputs.is_empty()
        && only.assignments.is_empty()
        && !only.fed
        && !only.drained;
    let written = only.words.iter().flat_map(|word| word.chars());
    // Signs of redirections, blocks and the background are in no word, so they would be left over.
    if !bare || !spaceless(text.chars()).eq(spaceless(written)) {
        return None;
    }
    let words: Option<Vec<String>> = only.words.iter().map(|raw| tame(raw)).collect();
    let words = words?;
    let first = words.first()?;
    Some(SimpleCommand {
        program: program_name(first).to_owned(),
        words,
        wrappers: Vec::new(),
    })
}

fn spaceless(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.filter(|c| !matches!(c, ' ' | '\t' | '\n'))
}

/// A word that is what it says, or a home or a pattern that stays in its folder and becomes no option.
fn tame(raw: &str) -> Option<String> {
    match word::resolve(raw) {
        (Word::Fixed(text), None) => Some(text),
        (Word::Computed { raw, .. }, None) => {
            let begins = raw.starts_with(|c: char| c.is_alphanumeric() || "/.~_".contains(c));
            (begins && !raw.contains(['$', '`'])).then_some(raw)
        }
        (Word::Fixed(_) | Word::Computed { .. }, Some(_)) => None,
    }
}
