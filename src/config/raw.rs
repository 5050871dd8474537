//! The file as it is: TOML sections whose keys are taken one by one, so that every problem is found in one pass
//! and what nobody took is known to be unknown.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{}`: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Everything that is wrong with it.
    #[error("{}", listed(file, problems))]
    Problems {
        /// The file.
        file: PathBuf,
        /// The problems, by line.
        problems: Vec<Problem>,
    },
}

fn listed(file: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    format!(
        "the configuration `{}` has {} problem(s):\n{}",
        file.display(),
        problems.len(),
        lines.join("\n")
    )
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: usize,
    /// The key, as `ssh.listen`.
    pub key: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            key => write!(f, "line {}: {key}: {}", self.line, self.message),
        }
    }
}

/// What stands in a systemd credential that only the service has, and was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The key that names it, as `store.url_credential`.
    pub key: String,
    /// The credential's name.
    pub credential: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: only the service has the credential `{}`",
            self.key, self.credential
        )
    }
}

/// Who reads the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A node that is to serve, which needs all of it.
    Service,
    /// Somebody who does without the service's credentials.
    Onlooker,
}

/// Collects problems while sections are read.
pub(super) struct Problems<'a> {
    text: &'a str,
    reader: Reader,
    found: Vec<Problem>,
    left_out: Vec<LeftOut>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str, reader: Reader) -> Self {
        Self {
            text,
            reader,
            found: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, at: &Range<usize>, key: &str, message: impl Into<String>) {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        self.found.push(Problem {
            line,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// The problems by line, and what was left out.
    pub(super) fn into_sorted(mut self) -> (Vec<Problem>, Vec<LeftOut>) {
        self.found.sort();
        (self.found, self.left_out)
    }
}

/// One table of the file. Each key is taken once; [`Section::finish`] reports those that nobody knows.
pub(super) struct Section<'a> {
    name: String,
    span: Range<usize>,
    values: BTreeMap<String, (Range<usize>, Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The root of the file.
    pub(super) fn root(table: Spanned<DeTable<'a>>) -> Self {
        Self::of(String::new(), table.span(), table.into_inner())
    }

    fn of(name: String, span: Range<usize>, table: DeTable<'a>) -> Self {
        let values = table.into_iter().map(|(key, value)| {
            let span = key.span();
            (key.into_inner().into_owned(), (span, value))
        });
        Self {
            name,
            span,
            values: values.collect(),
            known: Vec::new(),
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, Spanned<DeValue<'a>>)> {
        self.known.push(key);
        self.values.remove(key)
    }

    /// Reports a problem with the section, or with one key of it.
    pub(super) fn problem(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        message: impl Into<String>,
    ) {
        problems.add(&self.span, &self.path(key), message);
    }

    /// Reports that there are no systemd credentials here, which is a problem for the service alone.
    pub(super) fn without_credential(
        &self,
        problems: &mut Problems<'_>,
        key: &str,
        credential: String,
    ) {
        match problems.reader {
            Reader::Service => {
                let message = format!(
                    "no systemd credentials here: add `LoadCredential={credential}:…` to the unit, or name a file"
                );
                self.problem(problems, key, message);
            }
            Reader::Onlooker => problems.left_out.push(LeftOut {
                key: self.path(key),
                credential,
            }),
        }
    }

    /// A sub-table; empty when it is not there.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Section<'a> {
        let name = self.path(key);
        match self.take(key) {
            None => Section::of(name, self.span.clone(), DeTable::new()),
            Some((span, value)) => match value.into_inner() {
                DeValue::Table(table) => Section::of(name, span, table),
                other => {
                    problems.add(
                        &span,
                        &name,
                        format!("must be a table, not a {}", other.type_str()),
                    );
                    Section::of(name, span, DeTable::new())
                }
            },
        }
    }

    /// An array of tables, `[[key]]`.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<Section<'a>> {
        let name = self.path(key);
        let Some((span, value)) = self.take(key) else {
            return Vec::new();
        };
        let DeValue::Array(array) = value.into_inner() else {
            problems.add(
                &span,
                &name,
                format!("must be a list of tables, `[[{name}]]`"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.into_iter().enumerate() {
            let (span, name) = (item.span(), format!("{name}[{index}]"));
            match item.into_inner() {
                DeValue::Table(table) => sections.push(Section::of(name, span, table)),
                other => problems.add(
                    &span,
                    &name,
                    format!("must be a table, not a {}", other.type_str()),
                ),
            }
        }
        sections
    }

    /// A value that `parse` understands; `None` when it is not there or wrong.
    fn value<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<T> {
        let path = self.path(key);
        let (_, value) = self.take(key)?;
        match parse(value.get_ref()) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                problems.add(&value.span(), &path, message);
                None
            }
        }
    }

    /// A text that parses as `T`.
    pub(super) fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        self.value(key, problems, |value| {
            text(value)?.parse::<T>().map_err(|error| error.to_string())
        })
    }

    /// A text that must be there.
    pub(super) fn required<T: FromStr>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        if !self.values.contains_key(key) {
            self.known.push(key);
            self.problem(problems, key, "is missing");
            return None;
        }
        self.parsed(key, problems)
    }

    /// A list of texts that parse as `T`.
    pub(super) fn list<T: FromStr>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<T>>
    where
        T::Err: fmt::Display,
    {
        let path = self.path(key);
        let (span, value) = self.take(key)?;
        let DeValue::Array(array) = value.into_inner() else {
            problems.add(&span, &path, "must be a list of texts");
            return None;
        };
        let mut list = Vec::new();
        for item in array {
            match text(item.get_ref())
                .and_then(|t| t.parse::<T>().map_err(|error| error.to_string()))
            {
                Ok(parsed) => list.push(parsed),
                Err(message) => problems.add(&item.span(), &path, message),
            }
        }
        Some(list)
    }

    /// A table of texts.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> BTreeMap<String, String> {
        let section = self.section(key, problems);
        let mut texts = BTreeMap::new();
        for (name, (_, value)) in section.values {
            match text(value.get_ref()) {
                Ok(text) => {
                    texts.insert(name, text.to_owned());
                }
                Err(message) => {
                    problems.add(&value.span(), &format!("{}.{name}", section.name), message)
                }
            }
        }
        texts
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        problems: &mut Problems<'_>,
    ) -> Option<u64> {
        self.value(key, problems, |value| {
            let (low, high) = (bounds.start(), bounds.end());
            let Some(written) = value.as_integer() else {
                return Err(format!(
                    "must be a whole number from {low} to {high}, not a {}",
                    value.type_str()
                ));
            };
            match u64::from_str_radix(written.as_str(), written.radix()) {
                Ok(number) if bounds.contains(&number) => Ok(number),
                Ok(_) | Err(_) => Err(format!(
                    "`{}` must be a whole number from {low} to {high}",
                    written.as_str()
                )),
            }
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<bool> {
        self.value(key, problems, |value| {
            value
                .as_bool()
                .ok_or_else(|| "must be `true` or `false`".to_owned())
        })
    }

    /// A span of time such as `90s`, `10m`, `8h`, `1d`, within bounds.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<Duration>,
        problems: &mut Problems<'_>,
    ) -> Option<Duration> {
        self.value(key, problems, |value| {
            let duration = duration(text(value)?)?;
            if bounds.contains(&duration) {
                return Ok(duration);
            }
            Err(format!(
                "must be from {} s to {} s",
                bounds.start().as_secs(),
                bounds.end().as_secs()
            ))
        })
    }

    /// Reports the keys that nobody took, with the nearest known name.
    pub(super) fn finish(self, problems: &mut Problems<'_>) {
        for (key, (span, _)) in &self.values {
            let nearest = self
                .known
                .iter()
                .min_by_key(|known| distance(known, key))
                .filter(|known| distance(known, key) <= 3);
            let message = match nearest {
                Some(nearest) => format!("unknown key, did you mean `{nearest}`?"),
                None => format!("unknown key, known are {}", self.known.join(", ")),
            };
            problems.add(span, &self.path(key), message);
        }
    }
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("must be a text in quotes, not a {}", value.type_str()))
}

/// Reads `90s`, `10m`, `8h` or `1d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a span of time such as `90s`, `10m`, `8h` or `1d`");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

/// Levenshtein distance, for suggesting the key that was meant.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.bytes().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read_in_four_units_and_nothing_else() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("8h"), Ok(Duration::from_secs(28_800)));
        for wrong in ["", "8", "h", "8 h", "-1s", "1.5h", "99999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("issuer", "isuers"), 2);
    }
}
