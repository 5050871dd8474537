//! JSON lines in, JSON lines out: one answer for each line, in order.
//!
//! Invariant: whatever a line holds it is answered, with a refusal where it cannot be understood, and the next one is
//! read. A line is bounded, so is what is kept of it.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Facts, Inspector};

/// Longest line of JSON that is read, in bytes. A command of it that is longer than inspection reads is opaque.
pub(super) const LINE_BYTES: usize = 1024 * 1024;

/// One question.
#[derive(Deserialize)]
struct Asked {
    id: Value,
    line: String,
}

/// What is kept of a question that lacks something.
#[derive(Deserialize)]
struct Named {
    id: Value,
}

/// One answer; an error is a refusal.
#[derive(Serialize)]
struct Answer {
    id: Value,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answers until the input ends, and tells how many lines could not be understood; a reader of the answers that goes away
/// ends it as well.
pub(super) fn answer(
    input: impl Read,
    output: impl Write,
    inspector: &mut Inspector,
) -> io::Result<u64> {
    let mut refused = 0;
    match answered(BufReader::new(input), output, inspector, &mut refused) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(refused),
    }
}

fn answered<R: Read>(
    mut input: BufReader<R>,
    output: impl Write,
    inspector: &mut Inspector,
    refusals: &mut u64,
) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        // What was answered is not kept back while more is waited for.
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
        let whole = match next(&mut input, &mut line)? {
            Next::Line => true,
            Next::TooLong => false,
            Next::End => return output.flush(),
        };
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut answer = if whole {
            one(&line, inspector)
        } else {
            let error = format!("a line may be {LINE_BYTES} bytes long");
            refused(Value::Null, error)
        };
        if let Some(error) = &mut answer.error {
            *refusals += 1;
            *error = format!("input line {number}: {error}");
        }
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
    }
}

enum Next {
    Line,
    /// The line's beginning; its end was skipped.
    TooLong,
    End,
}

fn next<R: Read>(input: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let most = LINE_BYTES as u64 + 1;
    if input.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(Next::End);
    }
    if line.ends_with(b"\n") || line.len() <= LINE_BYTES {
        return Ok(Next::Line);
    }
    input.skip_until(b'\n')?;
    Ok(Next::TooLong)
}

fn one(line: &[u8], inspector: &mut Inspector) -> Answer {
    let asked = match serde_json::from_slice::<Asked>(line) {
        Ok(asked) => asked,
        Err(error) => {
            let named = serde_json::from_slice::<Named>(line);
            let id = named.map_or(Value::Null, |named| named.id);
            // It counts each line of the input as the first.
            let told = error
                .to_string()
                .replace(" at line 1 column ", " at column ");
            return refused(id, told);
        }
    };
    if !(asked.id.is_string() || asked.id.is_number()) {
        return refused(asked.id, "`id` is neither a text nor a number".to_owned());
    }
    let inspected = inspector.inspect(&asked.line);
    Answer {
        id: asked.id,
        decision: inspected.decision,
        facts: Some(inspected.facts),
        error: None,
    }
}

fn refused(id: Value, error: String) -> Answer {
    Answer {
        id,
        decision: "deny",
        facts: None,
        error: Some(error),
    }
}
