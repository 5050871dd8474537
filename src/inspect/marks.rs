//! Where in a text the risky parts of its reading stand, for whoever looks at it.
//!
//! Invariant: a mark covers whole characters of the text, and something that was not found has none. A name is marked
//! wherever it stands as a word, also in quotes, so rather too often; it says nothing about what the word is there for.

use serde::Serialize;

use crate::domain::command::{PARSED_BYTES, Reading};

use super::word;

/// Most marks of one text; later ones are left out.
const MARKS: usize = 256;

/// One risky part of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mark {
    /// Where it begins and ends, in bytes.
    pub span: (usize, usize),
    /// What is risky about it.
    pub risk: Risk,
}

/// What is risky about a part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// It asks for another user's rights.
    Elevation,
    /// It can start a shell or run code of its own.
    Escape,
    /// It could not be read.
    Unknown,
}

/// The risky parts of a text that was read, in order.
pub fn marks(bytes: &[u8], reading: &Reading) -> Vec<Mark> {
    let Some(text) = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= PARSED_BYTES)
    else {
        return Vec::new();
    };
    let unknowns = reading.unknowns.iter().filter_map(|unknown| unknown.span);
    let mut marks: Vec<Mark> = unknowns
        .filter(|(from, to)| text.get(*from..*to).is_some())
        .map(|span| Mark {
            span,
            risk: Risk::Unknown,
        })
        .collect();
    if !(reading.elevation.is_empty() && reading.escapes.is_empty()) {
        named(text, reading, &mut marks);
    }
    marks.sort_unstable();
    marks.dedup();
    marks.truncate(MARKS);
    marks
}

/// Adds the names of tools and programs among the words of a text.
fn named(text: &str, reading: &Reading, marks: &mut Vec<Mark>) {
    let risk = |name: &str| {
        if reading.elevation.contains(name) {
            Some(Risk::Elevation)
        } else {
            reading.escapes.contains(name).then_some(Risk::Escape)
        }
    };
    for (from, raw) in words(text) {
        if marks.len() >= MARKS {
            return;
        }
        // `/usr/bin/sudo`, `s\udo`: the word as a whole is the name.
        let whole = word::resolve(raw).0;
        let name = whole.fixed().and_then(|path| path.rsplit('/').next());
        if let Some(risk) = name.and_then(risk) {
            let span = (from, from + raw.len());
            marks.push(Mark { span, risk });
            continue;
        }
        for (at, name) in names(raw) {
            if let Some(risk) = risk(name) {
                let span = (from + at, from + at + name.len());
                marks.push(Mark { span, risk });
            }
        }
    }
}

/// The words of a text with their places, parted by blanks and operators outside of quotes.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let (mut from, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        let parts = c.is_whitespace() || "|&;()<>`".contains(c);
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (None, _) if parts => {
                words.extend(text.get(from..at).map(|word| (from, word)));
                from = at + c.len_utf8();
            }
            (Some(_) | None, _) => {}
        }
    }
    words.extend(text.get(from..).map(|word| (from, word)));
    words.retain(|(_, word)| !word.is_empty());
    words
}

/// What could be names within a word, with their places in it.
fn names(raw: &str) -> impl Iterator<Item = (usize, &str)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.+".contains(c);
    let mut at = 0;
    raw.split(move |c| !inside(c)).map(move |name| {
        let from = at;
        at += name.len();
        at += raw
            .get(at..)
            .and_then(|left| left.chars().next())
            .map_or(0, char::len_utf8);
        (from, name)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inspect::exec;

    fn marked(text: &str) -> Vec<(String, Risk)> {
        let marks = marks(text.as_bytes(), &exec(text.as_bytes()));
        let part = |mark: &Mark| text[mark.span.0..mark.span.1].to_owned();
        marks.iter().map(|mark| (part(mark), mark.risk)).collect()
    }

    #[test]
    fn what_is_risky_is_found_where_it_stands() {
        let of = |part: &str, risk| (part.to_owned(), risk);
        assert_eq!(marked("ls -l; uptime"), []);
        assert_eq!(marked("é; sudo id"), [of("sudo", Risk::Elevation)]);
        assert_eq!(marked("s\\udo id"), [of("s\\udo", Risk::Elevation)]);
        assert_eq!(
            marked("/usr/bin/sudo id"),
            [of("/usr/bin/sudo", Risk::Elevation)]
        );
        assert_eq!(marked("sh -c 'sudo id'"), [of("sudo", Risk::Elevation)]);
        assert_eq!(marked("ls&&vim"), [of("vim", Risk::Escape)]);
        assert_eq!(
            marked("vim a; $x b; sudo c"),
            [
                of("vim", Risk::Escape),
                of("$x", Risk::Unknown),
                of("sudo", Risk::Elevation)
            ]
        );
        assert_eq!(
            marked("sudo a; sudo b"),
            [of("sudo", Risk::Elevation), of("sudo", Risk::Elevation)]
        );
    }

    #[test]
    fn a_text_that_is_none_or_too_long_has_no_marks() {
        let reading = exec(b"sudo id");
        assert_eq!(marks(b"sudo \xff", &reading), []);
        assert_eq!(marks("sudo ".repeat(PARSED_BYTES).as_bytes(), &reading), []);
        assert_eq!(
            marks("sudo ".repeat(2000).as_bytes(), &reading).len(),
            MARKS
        );
    }

    proptest! {
        #[test]
        fn every_mark_is_a_part_of_the_text(text: String) {
            let text = format!("sudo {text}");
            for mark in marks(text.as_bytes(), &exec(text.as_bytes())) {
                prop_assert!(text.get(mark.span.0..mark.span.1).is_some());
            }
        }
    }
}
