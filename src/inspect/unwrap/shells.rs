//! Shells: the text that they are given, or what they read.

use crate::domain::command::StandardInput;

use super::super::input;
use super::super::options;
use super::super::table::listed;
use super::super::word::Word;
use super::{Context, Reader};

const COMPUTED_TEXT: &str = "text for a shell that is computed";
/// What a shell reads from its input.
pub(super) const FED: &str = "text read by a shell from its input";

/// Options by whose names words mean something else.
const MEANINGS: &str = "interactive_comments expand_aliases keyword";

impl Reader<'_> {
    pub(super) fn shell(&mut self, name: &str, words: &[Word], context: &Context) {
        if matches!(words.get(1..).unwrap_or_default(), [only] if matches!(only.fixed(), Some("--version" | "--help")))
        {
            return self.record(words, context);
        }
        let (mut text_follows, mut reads_input, mut only_checks) = (false, false, false);
        let mut at = 1;
        while let Some(word) = words.get(at) {
            let Some(text) = word.fixed() else { break };
            let plain = matches!(
                text,
                "--login"
                    | "--noprofile"
                    | "--norc"
                    | "--posix"
                    | "--restricted"
                    | "--verbose"
                    | "--noediting"
            );
            if text == "--" || text == "-" {
                at += 1;
                break;
            } else if plain {
            } else if text.starts_with("--") {
                self.runs(StandardInput::Commands, context);
                return self.unknown(format!("{name}: {}", options::OPTION));
            } else if text.len() > 1 && text.starts_with(['-', '+']) {
                if text.contains('k') {
                    self.unknown_at("an option that changes what words mean", text);
                }
                text_follows |= text.starts_with('-') && text.contains('c');
                reads_input |= text.starts_with('-') && text.contains('s');
                only_checks |= text == "-n";
                only_checks &= !text.starts_with('+');
                let named = text.matches(['o', 'O']).count();
                let names = words.get(at + 1..at + 1 + named).unwrap_or_default();
                if names.iter().any(|word| listed(MEANINGS, word.shown())) {
                    self.unknown_at("an option that changes what words mean", text);
                }
                at += named;
            } else {
                break;
            }
            at += 1;
        }
        match (text_follows, words.get(at)) {
            (true, Some(word)) if let Some(text) = word.text() => {
                self.variables
                    .given(words.get(at + 1..).unwrap_or_default());
                self.text(text, context.within(name));
            }
            (true, Some(_) | None) => {
                self.record(words, context);
                self.computed(context);
            }
            // Its syntax is checked, and nothing is run.
            (false, Some(Word::Fixed(_))) if only_checks => self.record(words, context),
            (false, script) => {
                self.reading.escapes.insert(name.to_owned());
                self.record(words, context);
                self.script(script.filter(|_| !reads_input), context);
            }
        }
    }

    /// A shell that reads a file or its input.
    fn script(&mut self, script: Option<&Word>, context: &Context) {
        match script {
            Some(Word::Fixed(path))
                if path.starts_with("/dev/")
                    || path.starts_with("/proc/")
                    || (context.clients && !input::is_ordinary(path)) =>
            {
                self.fed(context)
            }
            Some(Word::Fixed(_)) => {}
            Some(Word::Computed { .. }) => self.computed(context),
            None if context.fed => self.fed(context),
            None => {}
        }
    }

    /// A shell runs what comes on its input.
    pub(super) fn fed(&mut self, context: &Context) {
        self.unknown(FED);
        self.runs(StandardInput::Commands, context);
    }

    /// A shell runs a text that is computed, maybe from its input.
    pub(super) fn computed(&mut self, context: &Context) {
        self.unknown(COMPUTED_TEXT);
        self.runs(StandardInput::Commands, context);
    }

    /// What becomes of the client's input, where a command has it. What a shell may run counts most.
    pub(super) fn runs(&mut self, input: StandardInput, context: &Context) {
        if context.clients && self.reading.input != StandardInput::Commands {
            self.reading.input = input;
        }
    }
}
