//! From a folder to a policy set that validates. Everything that is wrong in any file is told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    ActionConstraint, Authorizer, Effect, Policy, PolicyId, ValidationMode, Validator,
};

use crate::domain::action::Action;
use crate::domain::name::GroupName;
use crate::policy::annotation::{About, Terms};
use crate::policy::error::{MOST_PROBLEMS, PolicyError, Problem, place};
use crate::policy::vocabulary::Vocabulary;
use crate::policy::{PolicySet, Rule, RuleEffect};

/// Most policy files in a folder.
pub const MOST_FILES: usize = 100;

/// Longest policy file, in bytes.
pub const FILE_BYTES: u64 = 64 * 1024;

/// Most policies in all files together.
pub const MOST_POLICIES: usize = 500;

/// Deepest nesting of brackets in a policy file, and most `if`s, which nest without brackets. The parser recurses
/// into both, so this bounds its stack.
const DEEPEST_NESTING: usize = 32;
const MOST_IFS: usize = 250;

/// Longest single policy, in bytes. Its expression is a tree as deep as it is long, so this bounds the stack of an evaluation.
const POLICY_BYTES: usize = 16 * 1024;

/// The policies that inspection is tried under; no session is asked about by them.
const ORDINARY: &str = include_str!("ordinary.cedar");
const ORDINARY_NAME: &str = "ordinary.cedar";

/// The policy files of a folder as they were read, sorted by name.
#[derive(Debug)]
pub(super) struct Sources {
    files: BTreeMap<String, Vec<u8>>,
}

impl Sources {
    /// Reads every `*.cedar` file of the folder; names that start with a dot (editors' files) are left out.
    pub(super) fn read(folder: &Path) -> Result<Self, PolicyError> {
        let shown = folder.display().to_string();
        let unreadable = |what: &str, error: &io::Error| PolicyError::Unreadable {
            folder: shown.clone(),
            reason: if what.is_empty() {
                error.to_string()
            } else {
                format!("{what}: {error}")
            },
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(|e| unreadable("", &e))? {
            let entry = entry.map_err(|e| unreadable("", &e))?;
            let name = entry.file_name().into_string().map_err(|name| {
                let not_utf8 = io::Error::other("its name is not UTF-8");
                unreadable(&name.to_string_lossy(), &not_utf8)
            })?;
            if name.starts_with('.') || !name.ends_with(".cedar") {
                continue;
            }
            if files.len() == MOST_FILES {
                return Err(PolicyError::TooManyFiles {
                    folder: shown,
                    most: MOST_FILES,
                });
            }
            let bytes = read_bounded(&entry.path()).map_err(|e| unreadable(&name, &e))?;
            files.insert(name, bytes);
        }
        if files.is_empty() {
            return Err(PolicyError::Empty { folder: shown });
        }
        Ok(Self { files })
    }

    /// The one file that is built in.
    pub(super) fn built_in() -> Self {
        let file = (ORDINARY_NAME.to_owned(), ORDINARY.as_bytes().to_vec());
        Self {
            files: BTreeMap::from([file]),
        }
    }

    /// SHA-256 in hexadecimal over names and contents, each with its length before it.
    pub(super) fn digest(&self) -> String {
        let mut context = Context::new(&SHA256);
        let mut field = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        field(b"countersign policy v1");
        for (name, bytes) in &self.files {
            field(name.as_bytes());
            field(bytes);
        }
        hex::encode(context.finish())
    }

    /// Parses and validates all files together.
    pub(super) fn compile(&self) -> Result<PolicySet, PolicyError> {
        let vocabulary = Vocabulary::new().map_err(PolicyError::Schema)?;
        let mut draft = Draft::default();
        for (name, bytes) in &self.files {
            draft.file(name, bytes, &vocabulary);
        }
        draft.validate(&vocabulary);
        draft.problems.sort();
        draft.problems.dedup();
        draft.problems.truncate(MOST_PROBLEMS);
        if !draft.problems.is_empty() {
            return Err(PolicyError::Refused(draft.problems));
        }
        Ok(PolicySet {
            vocabulary,
            cedar: draft.cedar,
            authorizer: Authorizer::new(),
            rules: draft.rules,
            groups: draft.groups,
            digest: self.digest(),
        })
    }
}

/// What a policy is about, as far as its annotations go.
fn about(policy: &Policy, vocabulary: &Vocabulary) -> About {
    let watch = vocabulary.plain(Action::Watch);
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => Vec::new(),
        ActionConstraint::In(actions) => actions,
        ActionConstraint::Eq(action) => vec![action],
    };
    match policy.effect() {
        Effect::Forbid => About::Other,
        Effect::Permit if actions.is_empty() => About::Other,
        Effect::Permit if actions.iter().all(|a| vocabulary.is_request(a)) => About::Requests,
        Effect::Permit if actions.iter().all(|a| *a == watch) => About::Watching,
        Effect::Permit => About::Other,
    }
}

/// One byte more than is allowed is read, so that a longer file is noticed.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A policy set that grows file by file, with what is wrong so far.
#[derive(Default)]
struct Draft<'a> {
    cedar: cedar_policy::PolicySet,
    rules: BTreeMap<String, Rule>,
    groups: BTreeSet<GroupName>,
    texts: BTreeMap<String, (&'a str, usize)>,
    problems: Vec<Problem>,
}

impl<'a> Draft<'a> {
    fn file(&mut self, file: &str, bytes: &'a [u8], vocabulary: &Vocabulary) {
        let text = match bounded_text(bytes) {
            Ok(text) => text,
            Err((offset, problem)) => {
                let text = String::from_utf8_lossy(bytes);
                self.problems
                    .push(Problem::at(file, &text, offset, problem));
                return;
            }
        };
        let parsed: cedar_policy::PolicySet = match text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                let found = |error| Problem::found(file, text, 0, &DetailedError::from(error));
                self.problems.extend(errors.iter().map(found));
                return;
            }
        };
        for template in parsed.templates() {
            let offset = text.find(&template.to_string()).unwrap_or(0);
            let message = "templates such as `?principal` are never linked; write a plain policy";
            self.problems.push(Problem::at(file, text, offset, message));
        }
        // A file that was cut off while it was written must not silently take its policies away.
        if parsed.is_empty() {
            let message = "the file holds no policy; remove it or write one";
            self.problems.push(Problem::of_file(file, message));
        }
        for policy in parsed.policies() {
            self.policy(file, text, policy, vocabulary);
        }
    }

    fn policy(&mut self, file: &str, text: &'a str, policy: &Policy, vocabulary: &Vocabulary) {
        let own_text = policy.to_string();
        let offset = text.find(&own_text).unwrap_or(0);
        let mut refuse = |message: String| {
            self.problems.push(Problem::at(file, text, offset, message));
        };
        if own_text.len() > POLICY_BYTES {
            refuse(format!("a policy may be {POLICY_BYTES} bytes long"));
            return;
        }
        let (terms, wrong) = Terms::read(policy.annotations(), about(policy, vocabulary));
        wrong.into_iter().for_each(&mut refuse);
        let line = place(text, offset).map_or(1, |(line, _)| line);
        let name = terms.name.clone();
        let name = name.unwrap_or_else(|| format!("{file}:{line}"));
        match policy_groups(policy, vocabulary) {
            Ok(groups) => self.groups.extend(groups),
            Err(problem) => refuse(problem),
        }
        if self.rules.len() == MOST_POLICIES {
            let message = format!("there are more than {MOST_POLICIES} policies");
            self.problems.push(Problem::of_file(file, message));
            return;
        }
        let named = policy.new_id(PolicyId::new(&name));
        if self.rules.contains_key(&name) || self.cedar.add(named).is_err() {
            let message =
                format!("the policy name `{name}` is used twice; give each its own `@id`");
            self.problems.push(Problem::at(file, text, offset, message));
            return;
        }
        let effect = match policy.effect() {
            Effect::Permit => RuleEffect::Permit,
            Effect::Forbid => RuleEffect::Forbid,
        };
        self.texts.insert(name.clone(), (text, offset));
        let rule = Rule {
            name: name.clone(),
            file: file.to_owned(),
            line,
            effect,
            terms,
        };
        self.rules.insert(name, rule);
    }

    /// Strict validation. Warnings count as well: a policy that can never apply is a mistake, and dangerous in a `forbid`.
    fn validate(&mut self, vocabulary: &Vocabulary) {
        let validator = Validator::new(vocabulary.schema().clone());
        let result = validator.validate(&self.cedar, ValidationMode::Strict);
        let mut wrong: Vec<(&PolicyId, DetailedError)> = result
            .validation_errors()
            .map(|error| (error.policy_id(), DetailedError::from(error)))
            .collect();
        let errors = wrong.len();
        for warning in result.validation_warnings() {
            let mut known = wrong.iter().take(errors);
            // A policy with an error often cannot apply either; the error says why.
            if !known.any(|(policy, _)| *policy == warning.policy_id()) {
                wrong.push((warning.policy_id(), DetailedError::from(warning)));
            }
        }
        for (policy, error) in wrong {
            let name: &str = policy.as_ref();
            let Some((rule, (text, offset))) = self.rules.get(name).zip(self.texts.get(name))
            else {
                self.problems.push(Problem::of_file(name, error.message));
                continue;
            };
            // Cedar names the policy in its texts; the place says it better.
            let nameless = |text: String| text.replace(&format!("for policy `{name}`, "), "");
            let error = DetailedError {
                message: nameless(error.message),
                help: error.help.map(nameless),
                ..error
            };
            let problem = Problem::found(&rule.file, text, *offset, &error);
            self.problems.push(problem);
        }
    }
}

/// The text of a file within the bounds that keep the parser's stack small, or the offset of what exceeds them.
fn bounded_text(bytes: &[u8]) -> Result<&str, (usize, String)> {
    if bytes.len() as u64 > FILE_BYTES {
        return Err((0, format!("the file is longer than {FILE_BYTES} bytes")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (error.valid_up_to(), "this is not UTF-8 text".to_owned()))?;
    let (mut depth, mut ifs) = (0usize, 0usize);
    let mut place = Place::Code;
    let mut last = ' ';
    for (offset, c) in text.char_indices() {
        place = match (place, c) {
            (Place::Code, '"') => Place::Text,
            (Place::Code, '/') if last == '/' => Place::Comment,
            (Place::Comment, '\n' | '\r') | (Place::Text, '"') => Place::Code,
            (Place::Text, '\\') => Place::Escape,
            (Place::Escape, _) => Place::Text,
            (place, _) => place,
        };
        if place == Place::Code {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                'f' if last == 'i' => ifs += 1,
                _ => {}
            }
        }
        if depth > DEEPEST_NESTING {
            let message = format!("brackets are nested more than {DEEPEST_NESTING} deep");
            return Err((offset, message));
        }
        if ifs > MOST_IFS {
            return Err((offset, format!("there are more than {MOST_IFS} `if`s")));
        }
        last = c;
    }
    Ok(text)
}

/// Where in a policy file a character is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Comment,
    Text,
    Escape,
}

/// The groups that a policy names. One that no principal could ever be in is a mistake.
fn policy_groups(policy: &Policy, vocabulary: &Vocabulary) -> Result<Vec<GroupName>, String> {
    let literals = policy.entity_literals();
    let groups = literals.iter().filter(|uid| vocabulary.is_group(uid));
    groups
        .map(|uid| uid.id().unescaped().parse().map_err(|e| format!("{e}")))
        .collect()
}
