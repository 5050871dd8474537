//! Bytes → how well they were understood.
//!
//! It owns the reading of commands: [`exec`] for the text of an exec request, [`mod@line`] for what stands on the
//! command line of an interactive shell, [`widget`] for what such a shell tells of it itself, [`sudo`] for the words of a
//! sudo that is about to run. Invariant: what is not certain is an `Unknown` in the [`Reading`], never
//! left out; a reading without one reaches exactly the programs it names. It decides nothing: `policy` does.

mod escape;

mod glimpse;

mod input;

pub mod line;

pub mod marks;

mod options;

mod pagers;

mod produce;

mod readers;

mod screen;

mod shell;

mod sole;

pub mod sudo;

mod table;

mod transfer;

mod unwrap;

mod variables;

pub mod widget;

mod word;

use std::collections::BTreeSet;

use crate::domain::command::{Reading, SimpleCommand, StandardInput, Unknown, visible};

/// Reads the command text of an exec request, as the login shell of the target would.
pub fn exec(bytes: &[u8]) -> Reading {
    hidden(bytes, read(bytes, unwrap::read))
}

/// [`exec`] for a command that gets a terminal, where some programs start a pager of their own.
pub fn at_terminal(bytes: &[u8]) -> Reading {
    let mut reading = exec(bytes);
    pagers::add(&mut reading);
    reading
}

/// [`exec`] for a text of which it is known that bash, or what reads it alike, gets it.
fn known(bytes: &[u8]) -> Reading {
    read(bytes, unwrap::read)
}

/// The one program that a text starts, where the text is nothing but the words of it: no redirection, pipe, assignment,
/// variable, substitution, block, background or second command, and no pattern that could become an option.
pub fn sole(bytes: &[u8]) -> Option<SimpleCommand> {
    std::str::from_utf8(bytes).ok().and_then(sole::read)
}

/// [`exec`] for a command whose standard input is the client's, without a terminal: what a shell or an interpreter reads
/// there is commands as well.
pub fn piped(bytes: &[u8]) -> Reading {
    hidden(bytes, read(bytes, unwrap::read_piped))
}

/// A reading, with the doubt where another login shell than bash would find other commands.
fn hidden(bytes: &[u8], mut reading: Reading) -> Reading {
    let text = String::from_utf8_lossy(bytes);
    if let Some(why) = line::hides(&text) {
        reading.elevation.extend(glimpse::elevation(&text));
        reading.unknowns.push(Unknown {
            reason: why.to_owned(),
            span: None,
        });
    }
    reading
}

/// [`exec`] for a line that is typed in a shell: what reads its input there takes what is typed behind it.
pub fn typed(bytes: &[u8]) -> Reading {
    read(bytes, unwrap::read_typed)
}

/// [`typed`] for lines that a shell reads from the client.
pub fn lines(bytes: &[u8]) -> Reading {
    read(bytes, unwrap::read_lines)
}

/// Further code for an interpreter whose language is not known here: what tools of elevation it names.
pub fn code(bytes: &[u8]) -> Reading {
    let mut reading = Reading::opaque("more code or input for a program that was started");
    reading
        .elevation
        .extend(glimpse::elevation(&String::from_utf8_lossy(bytes)));
    reading
}

/// [`piped`] for a command that takes its input for commands, with the script that came there.
pub fn fed(bytes: &[u8], script: &[u8]) -> Reading {
    let mut reading = piped(bytes);
    let inner = match reading.input {
        StandardInput::Commands => exec(script),
        StandardInput::Data | StandardInput::Code => Reading {
            elevation: glimpse::elevation(&String::from_utf8_lossy(script))
                .into_iter()
                .collect(),
            ..Reading::default()
        },
    };
    reading.commands.extend(inner.commands);
    reading.elevation.extend(inner.elevation);
    reading.escapes.extend(inner.escapes);
    reading.paths.extend(inner.paths);
    // Places in the script are none in the command.
    let unknowns = inner.unknowns.into_iter().map(|unknown| Unknown {
        span: None,
        ..unknown
    });
    reading.unknowns.extend(unknowns);
    reading
}

fn read(bytes: &[u8], shell: fn(&str) -> Reading) -> Reading {
    let mut reading = match std::str::from_utf8(bytes) {
        Ok(text) => shell(text),
        Err(_) => Reading::opaque("bytes that are not text"),
    };
    if reading.is_opaque() {
        reading
            .elevation
            .extend(glimpse::elevation(&String::from_utf8_lossy(bytes)));
    }
    reading
}

/// Reads a text that may not be all that runs, or may mean something else where it stands: what can be read of it, the
/// tools of elevation that it names anywhere, and the doubt.
pub fn doubtful(bytes: &[u8], why: &str) -> Reading {
    let mut reading = known(bytes);
    let doubt = Unknown {
        reason: why.to_owned(),
        span: None,
    };
    if !reading.unknowns.contains(&doubt) {
        reading.unknowns.push(doubt);
    }
    reading
        .elevation
        .extend(glimpse::elevation(&String::from_utf8_lossy(bytes)));
    reading
}

/// A reading in one line for people: `programs: systemctl; elevation: sudo; could not read: …`.
pub fn describe(reading: &Reading) -> String {
    let unique = |items: Vec<&str>| {
        items
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let parts = [
        ("programs", reading.programs()),
        ("elevation", reading.elevation.clone()),
        ("can start a shell", reading.escapes.clone()),
        (
            "paths",
            unique(reading.paths.iter().map(String::as_str).collect()),
        ),
        (
            "could not read",
            unique(reading.unknowns.iter().map(|u| u.reason.as_str()).collect()),
        ),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .chain(reading.sudo.iter().flat_map(|facts| sudo::described(facts)))
        .filter(|(_, items)| !items.is_empty())
        .map(|(title, items)| {
            let items: Vec<String> = items.into_iter().collect();
            format!("{title}: {}", items.join(", "))
        })
        .collect();
    if told.is_empty() {
        return "no command".to_owned();
    }
    visible(told.join("; ").as_bytes())
}

#[cfg(test)]
mod tests;
