//! Tests that policy authors keep beside their policies: cases in a TOML file, each one question with its verdict.
//!
//! ```toml
//! [[case]]
//! name = "a developer's sudo on production is held"
//! groups = ["dev"]
//! action = "sudo"
//! login = "deploy"
//! target = { name = "db1", labels = { env = "prod" }, layers = ["wire", "line"] }
//! facts = { programs = ["systemctl"], elevation = ["sudo"] }
//! expect = "hold"
//! ```
//!
//! `approve` is asked on a request that `requester` describes (`own = true` for one's own); `watch` and `replay` on a
//! session of somebody else, or of one's own. It reads a file and asks; it changes nothing.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::policy::{Explanation, PolicySet};

mod case;

use case::Case;

/// Longest test file, in bytes.
pub const TEST_FILE_BYTES: u64 = 1024 * 1024;

/// Most cases in a test file.
pub const MOST_CASES: usize = 2000;

/// Why a test file could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// The file cannot be read.
    #[error("cannot read policy tests `{file}`: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("policy tests `{file}`: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        reason: String,
    },
}

/// What came of a test file.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Each case, in the order of the file.
    pub cases: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// What the file expects: `allow`, `hold` or `deny`.
    pub expected: &'static str,
    /// What the policies say, and why.
    pub explanation: Explanation,
}

impl CaseResult {
    /// Whether the policies say what the file expects.
    pub fn passed(&self) -> bool {
        self.expected == self.explanation.decision
    }
}

impl Report {
    /// Whether every case passed.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(CaseResult::passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: Vec<&CaseResult> = self.cases.iter().filter(|case| !case.passed()).collect();
        for case in &failed {
            let name = &case.name;
            writeln!(f, "failed: {name}: expected {}", case.expected)?;
            writeln!(f, "{}", case.explanation)?;
        }
        let passed = self.cases.len() - failed.len();
        write!(f, "{passed} passed, {} failed", failed.len())
    }
}

/// Runs the cases of a test file.
///
/// # Errors
/// When the file cannot be read or is malformed; a case that fails is in the report.
pub fn run(set: &PolicySet, file: &Path) -> Result<Report, TestError> {
    let shown = file.display().to_string();
    let text = read(file).map_err(|reason| TestError::Unreadable {
        file: shown.clone(),
        reason,
    })?;
    let malformed = |reason| TestError::Malformed {
        file: shown.clone(),
        reason,
    };
    let cases = parse(&text).map_err(malformed)?;
    let run = |case: &Case| case.run(set);
    let results: Result<Vec<CaseResult>, String> = cases.iter().map(run).collect();
    Ok(Report {
        cases: results.map_err(malformed)?,
    })
}

fn read(file: &Path) -> Result<String, String> {
    let file = File::open(file).map_err(|e| e.to_string())?;
    let mut text = String::new();
    let mut bounded = file.take(TEST_FILE_BYTES + 1);
    bounded
        .read_to_string(&mut text)
        .map_err(|e| e.to_string())?;
    if text.len() as u64 > TEST_FILE_BYTES {
        return Err(format!("it is longer than {TEST_FILE_BYTES} bytes"));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<Case>, String> {
    let cases = toml::from_str::<Cases>(text)
        .map_err(|e| e.to_string().trim_end().to_owned())?
        .case;
    if cases.is_empty() {
        return Err("it has no `[[case]]`".to_owned());
    }
    if cases.len() > MOST_CASES {
        return Err(format!("it has more than {MOST_CASES} cases"));
    }
    Ok(cases)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    #[serde(default)]
    case: Vec<Case>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CASE: &str = "[[case]]\nname = 'x'\naction = 'exec'\nexpect = 'deny'\n";

    fn set() -> PolicySet {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policy");
        PolicySet::load(&folder).unwrap()
    }

    fn ran(text: &str) -> Result<Report, TestError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tests.toml");
        std::fs::write(&file, text).unwrap();
        run(&set(), &file)
    }

    #[test]
    fn a_case_that_fails_says_what_the_policies_say_instead() {
        let text = format!(
            "{CASE}groups = ['dev']\nlogin = 'deploy'\ntarget = {{ name = 'db1', labels = {{ env = 'dev' }} }}\n"
        );
        let report = ran(&text).unwrap();
        assert!(!report.passed());
        let shown = report.to_string();
        assert!(shown.contains("failed: x: expected deny"), "{shown}");
        assert!(shown.contains("permit `work-freely`"), "{shown}");
        assert!(shown.ends_with("0 passed, 1 failed"), "{shown}");
    }

    #[test]
    fn a_case_that_lacks_something_or_has_unknown_keys_is_refused() {
        for (text, expected) in [
            (String::new(), "no `[[case]]`"),
            (CASE.to_owned(), "needs `login`"),
            (format!("{CASE}login = 'deploy'"), "needs `target`"),
            (format!("{CASE}group = ['dev']"), "unknown field"),
            (CASE.replace("exec", "aprove"), "unknown variant"),
        ] {
            let error = ran(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_test_file_or_refused(text in "\\PC{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("{CASE}{text}"));
        }
    }
}
