//! The commands that `brush` finds.
//!
//! The walk recurses as deep as the text nests, which `limits` bounds.

use brush_parser::ast::{
    AndOr, Assignment, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem,
    CompoundCommand, CompoundList, ExtendedTestExpr, IoFileRedirectKind, IoFileRedirectTarget,
    IoRedirect, Pipeline, RedirectList, SimpleCommand, SubshellCommand, UnaryPredicate, Word,
};
use brush_parser::{Parser, ParserOptions};

use super::super::word;
use super::{INCOMPLETE, Opinion, RawAssignment, RawCommand, Script};
use super::{arithmetic, expansion};

/// The stand-in for a process substitution among the words.
pub(super) const PROCESS: &str = "<()";

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<(Script, Opinion), &'static str> {
    let options = ParserOptions {
        enable_extended_globbing: false,
        ..ParserOptions::default()
    };
    let program = Parser::new(text.as_bytes(), &options)
        .parse_program()
        .map_err(|_| INCOMPLETE)?;
    let mut walk = Walk {
        options,
        script: Script::default(),
        opinion: Opinion::default(),
    };
    for list in &program.complete_commands {
        walk.list(list, Flow::default());
    }
    for text in &walk.script.substitutions {
        walk.opinion.note("substitute", [text.as_str()]);
    }
    Ok((walk.script, walk.opinion))
}

/// Where input comes from and output goes to, handed down into groups.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    fed: bool,
    piped: bool,
    drained: bool,
}

struct Walk {
    options: ParserOptions,
    script: Script,
    opinion: Opinion,
}

impl Walk {
    fn list(&mut self, list: &CompoundList, flow: Flow) {
        for item in &list.0 {
            self.pipeline(&item.0.first, flow);
            for next in &item.0.additional {
                match next {
                    AndOr::And(pipeline) | AndOr::Or(pipeline) => self.pipeline(pipeline, flow),
                }
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, flow: Flow) {
        // To a plain POSIX shell the test fails, and what follows a `&&` would be the next command.
        let turned = |command: &Command| match command {
            Command::ExtendedTest(test, _) => !matches!(
                test.expr,
                ExtendedTestExpr::UnaryTest(..) | ExtendedTestExpr::BinaryTest(..)
            ),
            Command::Simple(_) | Command::Compound(..) | Command::Function(_) => false,
        };
        if pipeline.bang && pipeline.seq.iter().any(turned) {
            self.script
                .unknowns
                .push("a test that shells read differently");
        }
        let last = pipeline.seq.len().saturating_sub(1);
        for (at, command) in pipeline.seq.iter().enumerate() {
            let flow = Flow {
                fed: flow.fed || at > 0,
                piped: flow.piped || at > 0,
                drained: flow.drained || at < last,
            };
            self.command(command, flow);
        }
    }

    fn command(&mut self, command: &Command, flow: Flow) {
        match command {
            Command::Simple(simple) => self.simple(simple, flow),
            Command::Compound(compound, redirects) => {
                let flow = self.redirects(redirects.as_ref(), flow);
                self.compound(compound, flow);
            }
            Command::Function(function) => {
                self.word(&function.fname);
                self.script.functions.push(function.fname.value.clone());
                let flow = self.redirects(function.body.1.as_ref(), flow);
                self.compound(&function.body.0, flow);
            }
            Command::ExtendedTest(test, redirects) => {
                self.script.extended = true;
                self.redirects(redirects.as_ref(), flow);
                self.test(&test.expr);
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, flow: Flow) {
        match compound {
            CompoundCommand::Arithmetic(c) => {
                self.script.extended = true;
                expansion::arithmetic(&c.expr, &mut self.script);
            }
            CompoundCommand::ArithmeticForClause(c) => {
                self.script.extended = true;
                for expression in [&c.initializer, &c.condition, &c.updater]
                    .into_iter()
                    .flatten()
                {
                    expansion::arithmetic(expression, &mut self.script);
                }
                self.list(&c.body.list, flow);
            }
            CompoundCommand::BraceGroup(c) => self.list(&c.list, flow),
            CompoundCommand::Subshell(c) => self.list(&c.list, flow),
            CompoundCommand::ForClause(c) => {
                self.script.commands.push(RawCommand {
                    assignments: vec![RawAssignment {
                        name: c.variable_name.clone(),
                        raw: String::new(),
                        // Without words it goes through the parameters.
                        each: c
                            .values
                            .as_ref()
                            .map(|words| words.iter().map(|w| w.value.clone()).collect()),
                    }],
                    ..RawCommand::default()
                });
                c.values.iter().flatten().for_each(|w| self.word(w));
                self.list(&c.body.list, flow);
            }
            CompoundCommand::CaseClause(c) => {
                self.word(&c.value);
                for case in &c.cases {
                    case.patterns.iter().for_each(|w| self.word(w));
                    case.cmd.iter().for_each(|list| self.list(list, flow));
                }
            }
            CompoundCommand::IfClause(c) => {
                self.list(&c.condition, flow);
                self.list(&c.then, flow);
                for other in c.elses.iter().flatten() {
                    other
                        .condition
                        .iter()
                        .for_each(|list| self.list(list, flow));
                    self.list(&other.body, flow);
                }
            }
            CompoundCommand::WhileClause(c) | CompoundCommand::UntilClause(c) => {
                self.list(&c.0, flow);
                self.list(&c.1.list, flow);
            }
            CompoundCommand::Coprocess(c) => {
                self.script.unknowns.push("a coprocess");
                self.command(&c.body, flow);
            }
        }
    }

    fn simple(&mut self, simple: &SimpleCommand, mut flow: Flow) {
        let mut found = RawCommand::default();
        let before = self.script.paths.len();
        let prefix = simple.prefix.iter().flat_map(|p| &p.0);
        for item in prefix {
            if let CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) = item {
                found.assignments.push(RawAssignment {
                    name: self.assignment(assignment),
                    raw: word.value.clone(),
                    each: None,
                });
            } else {
                self.item(item, &mut found, &mut flow);
            }
        }
        if let Some(program) = &simple.word_or_name {
            self.word(program);
            found.words.push(program.value.clone());
        }
        let mut parted = false;
        for item in simple.suffix.iter().flat_map(|s| &s.0) {
            match item {
                CommandPrefixOrSuffixItem::IoRedirect(IoRedirect::OutputAndError(..)) => {
                    parted = true;
                }
                CommandPrefixOrSuffixItem::IoRedirect(_) => {}
                // To a plain POSIX shell the command ends at the `&`, and another begins.
                _ if parted => self
                    .script
                    .unknowns
                    .push("a redirection that shells read differently"),
                _ => {}
            }
            self.item(item, &mut found, &mut flow);
        }
        self.opinion
            .note("assign", found.assignments.iter().map(|a| a.raw.as_str()));
        self.opinion
            .note("run", found.words.iter().map(String::as_str));
        found.fed = flow.fed;
        found.piped = flow.piped;
        found.drained = flow.drained;
        found.writes = self.script.paths.get(before..).unwrap_or_default().to_vec();
        self.script.commands.push(found);
    }

    fn item(&mut self, item: &CommandPrefixOrSuffixItem, found: &mut RawCommand, flow: &mut Flow) {
        match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirect) => {
                *flow = self.redirect(redirect, *flow);
                if reopens(redirect) {
                    found.said = said(redirect).filter(|_| !found.reopens);
                    found.reopens = true;
                }
            }
            CommandPrefixOrSuffixItem::Word(word) => {
                self.word(word);
                found.words.push(word.value.clone());
            }
            CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => {
                self.assignment(assignment);
                found.words.push(word.value.clone());
            }
            CommandPrefixOrSuffixItem::ProcessSubstitution(_, subshell) => {
                self.substitution(subshell);
                found.words.push(PROCESS.to_owned());
            }
        }
    }

    fn substitution(&mut self, subshell: &SubshellCommand) {
        self.script.mixed = true;
        self.script.feeds = true;
        let flow = Flow {
            fed: true,
            piped: true,
            drained: true,
        };
        self.list(&subshell.list, flow);
    }

    /// Reads the values, and gives the variable's name.
    fn assignment(&mut self, assignment: &Assignment) -> String {
        match &assignment.value {
            AssignmentValue::Scalar(word) => self.word(word),
            AssignmentValue::Array(elements) => {
                for (key, value) in elements {
                    if key.is_some() {
                        self.script.unknowns.push("an array with computed places");
                    }
                    self.word(value);
                }
            }
        }
        match &assignment.name {
            AssignmentName::VariableName(name) => name.clone(),
            AssignmentName::ArrayElementName(name, index) => {
                arithmetic::read(index, &mut self.script);
                name.clone()
            }
        }
    }

    fn word(&mut self, word: &Word) {
        expansion::read(&word.value, &self.options, &mut self.script);
    }

    fn redirects(&mut self, redirects: Option<&RedirectList>, flow: Flow) -> Flow {
        redirects
            .iter()
            .flat_map(|list| &list.0)
            .fold(flow, |flow, redirect| self.redirect(redirect, flow))
    }

    fn redirect(&mut self, redirect: &IoRedirect, flow: Flow) -> Flow {
        let (fed, drained) = match redirect {
            IoRedirect::File(descriptor, kind, target) => {
                self.target(kind, target);
                self.script.mixed |= matches!(kind, IoFileRedirectKind::DuplicateInput);
                match kind {
                    IoFileRedirectKind::Read => {
                        (descriptor.is_none_or(|number| number == 0), false)
                    }
                    // Another name for an input that is there already.
                    IoFileRedirectKind::DuplicateInput => (false, false),
                    IoFileRedirectKind::Write
                    | IoFileRedirectKind::Append
                    | IoFileRedirectKind::Clobber => {
                        (false, descriptor.is_none_or(|number| number == 1))
                    }
                    IoFileRedirectKind::ReadAndWrite => (true, true),
                    IoFileRedirectKind::DuplicateOutput => (false, false),
                }
            }
            IoRedirect::HereDocument(_, document) => {
                self.script.feeds = true;
                if document.requires_expansion {
                    expansion::here_document(&document.doc.value, &self.options, &mut self.script);
                }
                (true, false)
            }
            IoRedirect::HereString(_, word) => {
                self.script.feeds = true;
                self.word(word);
                self.opinion.note("here", [word.value.as_str()]);
                (true, false)
            }
            IoRedirect::OutputAndError(word, _) => {
                self.word(word);
                self.opinion.note("redirect", [word.value.as_str()]);
                self.script.paths.push(word.value.clone());
                (false, true)
            }
        };
        Flow {
            fed: flow.fed || fed,
            piped: flow.piped,
            drained: flow.drained || drained,
        }
    }

    fn target(&mut self, kind: &IoFileRedirectKind, target: &IoFileRedirectTarget) {
        let word = match target {
            IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word) => word,
            IoFileRedirectTarget::Fd(_) => return,
            IoFileRedirectTarget::ProcessSubstitution(_, subshell) => {
                self.substitution(subshell);
                return self.opinion.note("redirect", [PROCESS]);
            }
        };
        self.word(word);
        let number = word.value.chars().all(|c| c.is_ascii_digit() || c == '-');
        if !number {
            self.opinion.note("redirect", [word.value.as_str()]);
        }
        let writes = match kind {
            IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput => false,
            IoFileRedirectKind::DuplicateOutput => !number,
            IoFileRedirectKind::Write
            | IoFileRedirectKind::Append
            | IoFileRedirectKind::Clobber
            | IoFileRedirectKind::ReadAndWrite => true,
        };
        if writes {
            self.script.paths.push(word.value.clone());
        } else if !number {
            self.script.inputs.push(word.value.clone());
        }
    }

    /// `[[ … ]]`: a plain POSIX shell runs it as a program, which fails, and what follows a `||` would then be another
    /// command. So that must be nothing that is a program.
    fn test(&mut self, expression: &ExtendedTestExpr) {
        match expression {
            ExtendedTestExpr::And(left, right) => {
                self.test(left);
                self.test(right);
            }
            ExtendedTestExpr::Or(left, right) => {
                self.test(left);
                if let Some(compared) = compared_variable(right) {
                    self.script.compared.push(compared.to_owned());
                } else if !begins_with_operator(right) {
                    self.script
                        .unknowns
                        .push("a test that shells read differently");
                }
                self.test(right);
            }
            // Where a plain POSIX shell could run what is in brackets, an `||` stands before them.
            ExtendedTestExpr::Parenthesized(inner) | ExtendedTestExpr::Not(inner) => {
                self.test(inner);
            }
            ExtendedTestExpr::UnaryTest(predicate, word) => {
                if matches!(
                    predicate,
                    UnaryPredicate::ShellVariableIsSetAndAssigned
                        | UnaryPredicate::ShellVariableIsSetAndNameRef
                ) && !is_name(&word.value)
                {
                    self.script.unknowns.push("a test that evaluates a name");
                }
                self.tested(word);
            }
            ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                use brush_parser::ast::BinaryPredicate as B;
                match predicate {
                    B::ArithmeticEqualTo
                    | B::ArithmeticNotEqualTo
                    | B::ArithmeticLessThan
                    | B::ArithmeticLessThanOrEqualTo
                    | B::ArithmeticGreaterThan
                    | B::ArithmeticGreaterThanOrEqualTo => {
                        arithmetic::read(left.value.trim_matches('"'), &mut self.script);
                        arithmetic::read(right.value.trim_matches('"'), &mut self.script);
                    }
                    // A plain POSIX shell redirects.
                    B::LeftSortsBeforeRight | B::LeftSortsAfterRight => {
                        self.script
                            .unknowns
                            .push("a test that shells read differently");
                    }
                    _ => {}
                }
                self.tested(left);
                self.tested(right);
            }
        }
    }

    /// A word of a test, whose substitutions the other parser does not tell.
    fn tested(&mut self, word: &Word) {
        expansion::read_alone(&word.value, &self.options, &mut self.script);
    }
}

/// Whether a redirection makes something else the standard input.
fn reopens(redirect: &IoRedirect) -> bool {
    let descriptor = match redirect {
        IoRedirect::File(descriptor, kind, _) => match kind {
            IoFileRedirectKind::Read
            | IoFileRedirectKind::ReadAndWrite
            | IoFileRedirectKind::DuplicateInput => *descriptor,
            IoFileRedirectKind::Write
            | IoFileRedirectKind::Append
            | IoFileRedirectKind::Clobber
            | IoFileRedirectKind::DuplicateOutput => return false,
        },
        IoRedirect::HereDocument(descriptor, _) | IoRedirect::HereString(descriptor, _) => {
            *descriptor
        }
        IoRedirect::OutputAndError(..) => return false,
    };
    descriptor.is_none_or(|number| number == 0)
}

/// The variable that what follows a `||` begins with, where it compares one.
fn compared_variable(expression: &ExtendedTestExpr) -> Option<&str> {
    match expression {
        ExtendedTestExpr::BinaryTest(_, left, _) => {
            let name = left.value.trim_matches('"').strip_prefix('$')?;
            (!name.is_empty() && is_name(name)).then_some(left.value.as_str())
        }
        ExtendedTestExpr::And(left, _) | ExtendedTestExpr::Or(left, _) => compared_variable(left),
        ExtendedTestExpr::Not(_)
        | ExtendedTestExpr::Parenthesized(_)
        | ExtendedTestExpr::UnaryTest(..) => None,
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether what follows a `||` begins with an operator such as `-f`, which is no program.
fn begins_with_operator(expression: &ExtendedTestExpr) -> bool {
    match expression {
        // This one may be left out.
        ExtendedTestExpr::UnaryTest(UnaryPredicate::StringHasNonZeroLength, _) => false,
        ExtendedTestExpr::UnaryTest(..) => true,
        ExtendedTestExpr::Not(inner) => begins_with_operator(inner),
        ExtendedTestExpr::And(left, _) | ExtendedTestExpr::Or(left, _) => {
            begins_with_operator(left)
        }
        ExtendedTestExpr::Parenthesized(_) => false,
        // A name of which nobody knows what it is.
        ExtendedTestExpr::BinaryTest(_, left, _) => {
            !left.value.is_empty() && left.value.chars().all(|c| c.is_ascii_digit())
        }
    }
}

/// The text that a redirection gives, where nothing in it is expanded.
fn said(redirect: &IoRedirect) -> Option<String> {
    match redirect {
        IoRedirect::HereDocument(_, document) => {
            let text = &document.doc.value;
            let literal = !document.requires_expansion || !text.contains(['$', '`', '\\']);
            (literal && !document.remove_tabs).then(|| text.clone())
        }
        IoRedirect::HereString(_, word) => match word::resolve(&word.value).0 {
            word::Word::Fixed(text) => Some(text),
            word::Word::Computed { .. } => None,
        },
        IoRedirect::File(..) | IoRedirect::OutputAndError(..) => None,
    }
}
