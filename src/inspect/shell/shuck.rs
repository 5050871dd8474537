//! The commands that `shuck` finds: only their words as written, to compare.
//!
//! Chains of `&&`, `||` and `|` are a left-deep tree, so the walk keeps its own stack.

use shuck_ast::{
    ArrayElem, Assignment, AssignmentValue, BuiltinCommand, Command, CompoundCommand, DeclOperand,
    Redirect, RedirectKind, RedirectTarget, Span, Stmt, StmtSeq, Word, WordPart, WordPartNode,
};
use shuck_parser::parser::Parser;

use super::brush::PROCESS;
use super::{INCOMPLETE, Opinion};

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<Opinion, &'static str> {
    let result = Parser::new(text).parse();
    if result.is_err() {
        return Err(INCOMPLETE);
    }
    let mut walk = Walk {
        text,
        stack: result.file.body.iter().collect(),
        opinion: Opinion::default(),
    };
    while let Some(statement) = walk.stack.pop() {
        walk.statement(statement)?;
    }
    Ok(walk.opinion)
}

const DIALECT: &str = "syntax of another shell";

struct Walk<'a> {
    text: &'a str,
    stack: Vec<&'a Stmt>,
    opinion: Opinion,
}

impl<'a> Walk<'a> {
    fn statement(&mut self, statement: &'a Stmt) -> Result<(), &'static str> {
        for redirect in &statement.redirects {
            self.redirect(redirect)?;
        }
        match &statement.command {
            Command::Simple(simple) => {
                let words = std::iter::once(&simple.name).chain(&simple.args);
                self.command(&simple.assignments, words)
            }
            Command::Builtin(builtin) => self.builtin(builtin),
            Command::Decl(clause) => {
                let mut words = vec![self.slice(clause.variant_span)];
                for operand in &clause.operands {
                    words.push(match operand {
                        DeclOperand::Flag(word) | DeclOperand::Dynamic(word) => self.word(word)?,
                        DeclOperand::Name(name) => self.slice(name.span),
                        DeclOperand::Assignment(assignment) => self.assignment(assignment)?,
                    });
                }
                self.assignments(&clause.assignments)?;
                self.opinion.note("run", words);
                Ok(())
            }
            Command::Binary(binary) => {
                self.stack.push(&binary.left);
                self.stack.push(&binary.right);
                Ok(())
            }
            Command::Compound(compound) => self.compound(compound),
            Command::Function(function) => {
                self.stack.push(&function.body);
                Ok(())
            }
            Command::AnonymousFunction(_) => Err(DIALECT),
        }
    }

    fn sequence(&mut self, sequence: &'a StmtSeq) {
        self.stack.extend(sequence.iter());
    }

    fn compound(&mut self, compound: &'a CompoundCommand) -> Result<(), &'static str> {
        match compound {
            CompoundCommand::If(c) => {
                self.sequence(&c.condition);
                self.sequence(&c.then_branch);
                for (condition, branch) in &c.elif_branches {
                    self.sequence(condition);
                    self.sequence(branch);
                }
                c.else_branch
                    .iter()
                    .for_each(|branch| self.sequence(branch));
            }
            CompoundCommand::For(c) => {
                for word in c.words.iter().flatten() {
                    self.word(word)?;
                }
                self.sequence(&c.body);
            }
            CompoundCommand::ArithmeticFor(c) => self.sequence(&c.body),
            CompoundCommand::While(c) => {
                self.sequence(&c.condition);
                self.sequence(&c.body);
            }
            CompoundCommand::Until(c) => {
                self.sequence(&c.condition);
                self.sequence(&c.body);
            }
            CompoundCommand::Case(c) => {
                self.word(&c.word)?;
                c.cases.iter().for_each(|case| self.sequence(&case.body));
            }
            CompoundCommand::Subshell(body) | CompoundCommand::BraceGroup(body) => {
                self.sequence(body)
            }
            CompoundCommand::Arithmetic(_) | CompoundCommand::Conditional(_) => {}
            CompoundCommand::Time(c) => self.stack.extend(c.command.as_deref()),
            CompoundCommand::Coproc(c) => self.stack.push(&c.body),
            CompoundCommand::Select(_)
            | CompoundCommand::Repeat(_)
            | CompoundCommand::Foreach(_)
            | CompoundCommand::Always(_) => return Err(DIALECT),
        }
        Ok(())
    }

    fn builtin(&mut self, builtin: &'a BuiltinCommand) -> Result<(), &'static str> {
        let (name, assignments, first, rest) = match builtin {
            BuiltinCommand::Break(c) => ("break", &c.assignments, &c.depth, &c.extra_args),
            BuiltinCommand::Continue(c) => ("continue", &c.assignments, &c.depth, &c.extra_args),
            BuiltinCommand::Return(c) => ("return", &c.assignments, &c.code, &c.extra_args),
            BuiltinCommand::Exit(c) => ("exit", &c.assignments, &c.code, &c.extra_args),
        };
        self.assignments(assignments)?;
        let mut words = vec![name];
        for word in first.iter().chain(rest) {
            words.push(self.word(word)?);
        }
        self.opinion.note("run", words);
        Ok(())
    }

    fn command(
        &mut self,
        assignments: &'a [Assignment],
        words: impl Iterator<Item = &'a Word>,
    ) -> Result<(), &'static str> {
        self.assignments(assignments)?;
        let words = words
            .map(|word| self.word(word))
            .filter(|word| *word != Ok(""))
            .collect::<Result<Vec<_>, _>>()?;
        self.opinion.note("run", words);
        Ok(())
    }

    fn assignments(&mut self, assignments: &'a [Assignment]) -> Result<(), &'static str> {
        let texts = assignments
            .iter()
            .map(|assignment| self.assignment(assignment))
            .collect::<Result<Vec<_>, _>>()?;
        self.opinion.note("assign", texts);
        Ok(())
    }

    fn assignment(&mut self, assignment: &'a Assignment) -> Result<&'a str, &'static str> {
        match &assignment.value {
            AssignmentValue::Scalar(word) => {
                self.word(word)?;
            }
            AssignmentValue::Compound(array) => {
                for element in &array.elements {
                    match element {
                        ArrayElem::Sequential(value) => self.word(&value.word)?,
                        ArrayElem::Keyed { .. } | ArrayElem::KeyedAppend { .. } => {
                            return Err("an array with computed places");
                        }
                    };
                }
            }
        }
        Ok(self.slice(assignment.span))
    }

    fn redirect(&mut self, redirect: &'a Redirect) -> Result<(), &'static str> {
        match &redirect.target {
            RedirectTarget::Heredoc(_) => {}
            RedirectTarget::Word(word) => {
                let target = self.word(word)?;
                let kind = match redirect.kind {
                    RedirectKind::HereString => "here",
                    _ => "redirect",
                };
                if !is_descriptor(target) {
                    self.opinion.note(kind, [target]);
                }
            }
        }
        Ok(())
    }

    /// A word as written. What a process substitution runs is looked into; command substitutions are parsed on their own.
    fn word(&mut self, word: &'a Word) -> Result<&'a str, &'static str> {
        let mut process = false;
        for part in &word.parts {
            match &part.kind {
                WordPart::ProcessSubstitution { body, .. } => {
                    self.sequence(body);
                    process = true;
                }
                WordPart::DoubleQuoted { parts, .. } => self.substitutions(parts),
                _ => self.substitutions(std::slice::from_ref(part)),
            }
        }
        match (process, word.parts.len()) {
            (false, _) => Ok(self.slice(word.span)),
            (true, 1) => Ok(PROCESS),
            (true, _) => Err("a process substitution within a word"),
        }
    }

    fn substitutions(&mut self, parts: &'a [WordPartNode]) {
        for part in parts {
            if let WordPart::CommandSubstitution { body, .. } = &part.kind {
                let written = self.slice(part.span);
                let inner = written
                    .strip_prefix("$(")
                    .and_then(|rest| rest.strip_suffix(')'))
                    // Behind a backslash in quotes the place of the whole is told too early.
                    .or_else(|| self.around(body.span))
                    .unwrap_or(written.trim_matches('`'));
                self.opinion.note("substitute", [inner]);
            }
        }
    }

    /// What stands between the brackets of a substitution, found from the commands in it.
    fn around(&self, body: Span) -> Option<&'a str> {
        let before = self.text.get(..body.start.offset())?;
        let from = before.trim_end_matches([' ', '\t']).len();
        let after = self.text.get(body.end.offset()..)?;
        let blank = after.len() - after.trim_start_matches([' ', '\t']).len();
        let to = body.end.offset() + blank;
        let opened = self.text.get(..from)?.ends_with("$(");
        let closed = self.text.get(to..)?.starts_with(')');
        (opened && closed).then(|| self.text.get(from..to))?
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text
            .get(span.start.offset()..span.end.offset())
            .unwrap_or_default()
    }
}

/// `1` and `-` in `2>&1` and `>&-`: their places in the text are not always told.
fn is_descriptor(target: &str) -> bool {
    target.chars().all(|c| c.is_ascii_digit() || c == '-')
}
