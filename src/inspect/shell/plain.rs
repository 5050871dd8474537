//! The commands of a text so plain that no parser is needed: pipelines and lists of words, with at most quotes and
//! simple variables in them.
//!
//! Invariant: what it gives is exactly what both parsers agree on for that text; whatever could mean more to any shell it
//! leaves to them.

use super::{RawCommand, Script};

/// Words that are no command's name where one is expected, in any shell.
const RESERVED: &str = "if then elif else fi for while until do done case esac select function coproc time in repeat foreach \
    end always nocorrect noglob break continue return exit declare typeset local export readonly let eval";

/// The commands of a text, if it is plain.
pub(super) fn parse(text: &str) -> Option<Script> {
    let mut scan = Scan {
        text,
        at: 0,
        script: Script::default(),
        words: Vec::new(),
        piped: false,
    };
    scan.run()?;
    Some(scan.script)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    script: Script,
    words: Vec<String>,
    /// Whether the command that is read stands behind a pipe.
    piped: bool,
}

impl Scan<'_> {
    fn run(&mut self) -> Option<()> {
        loop {
            match self.next() {
                Some(b' ') => self.at += 1,
                Some(b'|') => {
                    let or = self.skip(b"||");
                    self.at += usize::from(!or);
                    self.ended(!or)?;
                }
                Some(b'&') => {
                    self.skip(b"&&").then_some(())?;
                    self.ended(false)?;
                }
                Some(b';') => {
                    self.at += 1;
                    self.ended(false)?;
                }
                Some(_) => self.word()?,
                None => return self.ended(false),
            }
        }
    }

    /// A command ends, maybe at a pipe.
    fn ended(&mut self, drained: bool) -> Option<()> {
        let words = std::mem::take(&mut self.words);
        let name = words.first()?;
        let named = |b: u8| b.is_ascii_alphanumeric() || b"/._-+".contains(&b);
        let begins =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.' | '_'));
        if !begins || !name.bytes().all(named) || super::super::table::listed(RESERVED, name) {
            return None;
        }
        self.script.commands.push(RawCommand {
            words,
            fed: self.piped,
            piped: self.piped,
            drained,
            ..RawCommand::default()
        });
        self.piped = drained;
        Some(())
    }

    /// One word, as it is written.
    fn word(&mut self) -> Option<()> {
        let from = self.at;
        while let Some(byte) = self.next() {
            match byte {
                b' ' | b'|' | b'&' | b';' => break,
                b'\'' => self.quoted(b'\'')?,
                b'"' => self.quoted(b'"')?,
                b'$' => self.variable()?,
                b'#' if self.at == from => return None,
                plain if plain.is_ascii_alphanumeric() || b"_./:@%+,=-~*?^#".contains(&plain) => {
                    self.at += 1;
                }
                _ => return None,
            }
        }
        self.words.push(self.text.get(from..self.at)?.to_owned());
        Some(())
    }

    /// What stands in quotes, with nothing in it that ends or nests them otherwise.
    fn quoted(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            match self.next()? {
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                b'$' if quote == b'"' => self.variable()?,
                b'`' | b'\\' if quote == b'"' => return None,
                b'!' | b'\n' | b'\t' => return None,
                byte if byte.is_ascii() => self.at += 1,
                _ => return None,
            }
        }
    }

    /// `$name`, `${name}` or `$1`.
    fn variable(&mut self) -> Option<()> {
        self.at += 1;
        let braced = self.skip(b"{");
        let from = self.at;
        let first = self.next()?;
        if first.is_ascii_digit() {
            self.at += 1;
        } else {
            while self
                .next()
                .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
            {
                self.at += 1;
            }
        }
        (self.at > from && (!braced || self.skip(b"}"))).then_some(())
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, wanted: &[u8]) -> bool {
        let found = self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|left| left.starts_with(wanted));
        self.at += if found { wanted.len() } else { 0 };
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parsed;
    use super::*;

    #[test]
    fn lists_and_pipelines_of_plain_words_need_no_parser() {
        for text in [
            "ls -la /tmp",
            "df -h / | awk 'NR==2 {print $5}' | tr -d %",
            "systemctl restart nginx && systemctl status \"$unit\"",
            "cat $f; echo ${x} || true",
            "date +%s",
        ] {
            assert!(parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_could_mean_more_is_left_to_the_parsers() {
        for text in [
            "",
            " ",
            "ls;",
            "| ls",
            "ls |",
            "a=b ls",
            "if x",
            "! ls",
            "ls & id",
            "ls > f",
            "ls\nid",
            "l\\s",
            "'ls'",
            "$x",
            "ls $(id)",
            "ls `id`",
            "ls {a,b}",
            "ls [a]",
            "(ls)",
            "ls #x",
            "ls $'x'",
            "ls \"a\\b\"",
            "ls ${x:-y}",
            "ls |& id",
            "é",
            "ls 'é'",
            "ls $",
            "ls \"",
            "ls '",
            "time ls",
            "function f",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    fn soup() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "ls",
            "grep",
            "[",
            "]",
            "test",
            "cat",
            "sudo",
            "sh",
            "-c",
            "-x",
            "--a=b",
            "a=b",
            "if",
            "then",
            "fi",
            "do",
            "in",
            "time",
            "|",
            "||",
            "&&",
            ";",
            "&",
            "'a b'",
            "'{print $1}'",
            "\"$x\"",
            "\"a b\"",
            "$x",
            "${x}",
            "$1",
            "$",
            "#",
            "~",
            "*",
            "?",
            "%",
            "+",
            "^",
            "1",
            "2",
            "!",
            "{}",
            "=",
            "==",
            "@",
            ":",
            ".",
            "/",
            "~/x",
            "select",
            "repeat",
            "end",
            "''",
            "\"\"",
            "\"'\"",
            "'\"'",
            "'(a|b)'",
            "\"(\"",
            "'<<E'",
            "\"<<E\"",
            "-",
            "--",
            "echo",
            "foreach",
            "exit",
        ]);
        prop::collection::vec((token, any::<bool>()), 0..14).prop_map(|tokens| {
            let parted =
                |(token, space): (&str, bool)| format!("{token}{}", if space { " " } else { "" });
            tokens.into_iter().map(parted).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn it_says_what_the_parsers_agree_on(text in soup()) {
            if let Some(script) = parse(&text) {
                prop_assert_eq!(parsed(&text), Ok(script));
            }
        }

        #[test]
        fn any_text_is_looked_at_without_panic(text: String) {
            if let Some(script) = parse(&text) {
                prop_assert_eq!(parsed(&text), Ok(script));
            }
        }
    }
}
