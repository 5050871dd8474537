//! Expansions inside one raw word: which texts it runs, and which parts cannot be judged.
//!
//! Indirect parameters and those that are evaluated again are not judged.

use brush_parser::ParserOptions;
use brush_parser::ast::UnexpandedArithmeticExpr;
use brush_parser::word::{
    self, Parameter, ParameterExpr, ParameterTransformOp, WordPiece, WordPieceWithSource,
};

use super::{RawAssignment, RawCommand, Script, arithmetic};

const COMPUTES: &str = "an expansion that computes a name or a value";
const INNER: &str = "a command inside an expansion";

/// Adds what the raw word runs to the script.
pub(super) fn read(raw: &str, options: &ParserOptions, script: &mut Script) {
    if !raw.contains(['$', '`']) {
        return;
    }
    // What it runs is in no piece of an expansion, whatever that is.
    if raw.contains("${") && (raw.contains("<(") || raw.contains(">(")) {
        script.unknowns.push(INNER);
    }
    match word::parse(raw, options) {
        Ok(pieces) => pieces.iter().for_each(|p| piece(p, script)),
        Err(_) => script.unknowns.push("an expansion that could not be read"),
    }
}

/// [`read`] for a word that the other parser does not look into.
pub(super) fn read_alone(raw: &str, options: &ParserOptions, script: &mut Script) {
    let before = std::mem::take(&mut script.substitutions);
    read(raw, options, script);
    let found = std::mem::replace(&mut script.substitutions, before);
    script.alone.extend(found);
}

/// Adds what a here-document runs. Its substitutions are told by this parser alone.
pub(super) fn here_document(text: &str, options: &ParserOptions, script: &mut Script) {
    if !text.contains(['$', '`']) {
        return;
    }
    if text.contains("$[") {
        script.unknowns.push(INNER);
    }
    match word::parse_heredoc(text, options) {
        Ok(pieces) => {
            let before = std::mem::take(&mut script.substitutions);
            pieces.iter().for_each(|p| piece(p, script));
            let found = std::mem::replace(&mut script.substitutions, before);
            script.alone.extend(found);
        }
        Err(_) => script.unknowns.push("an expansion that could not be read"),
    }
}

/// The text of an operator of an expansion: one plain substitution is read, any other command in it is unknown.
fn refuse_commands(text: &str, script: &mut Script) {
    let brackets = text
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'));
    let quotes = || {
        text.strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
    };
    let whole = brackets.or_else(quotes);
    if let Some(inner) = whole
        && !inner.contains(['$', '`', '(', ')', '"', '\'', '\\', '<', '>'])
    {
        return script.alone.push(inner.to_owned());
    }
    const OPENINGS: [&str; 6] = ["$(", "`", "$[", "${", "<(", ">("];
    if OPENINGS.iter().any(|opening| text.contains(opening)) {
        script.unknowns.push(INNER);
    }
}

/// An arithmetic expression.
pub(super) fn arithmetic(expression: &UnexpandedArithmeticExpr, script: &mut Script) {
    arithmetic::read(&expression.value, script);
}

/// The depth is that of double quotes in double quotes, which the grammar itself does not nest without brackets.
fn piece(source: &WordPieceWithSource, script: &mut Script) {
    match &source.piece {
        WordPiece::Text(_)
        | WordPiece::SingleQuotedText(_)
        | WordPiece::AnsiCQuotedText(_)
        | WordPiece::EscapeSequence(_)
        | WordPiece::TildeExpansion(_) => {}
        WordPiece::DoubleQuotedSequence(inner) | WordPiece::GettextDoubleQuotedSequence(inner) => {
            // A quote in an operand is one to some shells only.
            let quotes = |p: &WordPieceWithSource| {
                matches!(&p.piece, WordPiece::ParameterExpansion(expression)
                if operated(expression).is_some_and(|(_, operand)| {
                    operand.as_deref().unwrap_or_default().contains('\'')
                }))
            };
            if inner.iter().any(quotes) {
                script.unknowns.push("quoting that shells read differently");
            }
            inner.iter().for_each(|p| piece(p, script));
        }
        WordPiece::CommandSubstitution(text) => script.substitutions.push(text.clone()),
        WordPiece::BackquotedCommandSubstitution(text) if text.contains('\\') => {
            script.unknowns.push("backquotes within backquotes");
        }
        WordPiece::BackquotedCommandSubstitution(text) => script.substitutions.push(text.clone()),
        WordPiece::ArithmeticExpression(expression) => arithmetic(expression, script),
        WordPiece::ParameterExpansion(expression) => parameter(expression, script),
    }
}

fn parameter(expression: &ParameterExpr, script: &mut Script) {
    use ParameterExpr as P;
    if let Some((parameter, operand)) = operated(expression) {
        name(parameter, script);
        return refuse_commands(operand.as_deref().unwrap_or_default(), script);
    }
    match expression {
        // A plain value, where there is none.
        P::AssignDefaultValues {
            parameter: Parameter::Named(name),
            indirect: false,
            default_value,
            ..
        } if default_value.as_deref().is_some_and(|text| {
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        }) =>
        {
            let value = default_value.as_deref().unwrap_or_default();
            script.commands.push(RawCommand {
                assignments: vec![RawAssignment {
                    name: name.clone(),
                    raw: format!("{name}={value}"),
                    each: None,
                }],
                ..RawCommand::default()
            });
        }
        P::Parameter {
            parameter,
            indirect: false,
        }
        | P::ParameterLength {
            parameter,
            indirect: false,
        }
        | P::Transform {
            parameter,
            indirect: false,
            op:
                ParameterTransformOp::Quoted
                | ParameterTransformOp::ToLowerCase
                | ParameterTransformOp::ToUpperCase
                | ParameterTransformOp::CapitalizeInitial,
        } => name(parameter, script),
        P::ReplaceSubstring {
            parameter,
            indirect: false,
            pattern,
            replacement,
            ..
        } => {
            name(parameter, script);
            refuse_commands(pattern, script);
            refuse_commands(replacement.as_deref().unwrap_or_default(), script);
        }
        P::Substring {
            parameter,
            indirect: false,
            offset,
            length,
        } => {
            name(parameter, script);
            arithmetic(offset, script);
            length.iter().for_each(|length| arithmetic(length, script));
        }
        P::MemberKeys { .. } | P::VariableNames { .. } => {}
        _ => script.unknowns.push(COMPUTES),
    }
}

/// The parameter and the text of an operator that takes one; none of an indirect parameter.
#[rustfmt::skip]
fn operated(expression: &ParameterExpr) -> Option<(&Parameter, &Option<String>)> {
    use ParameterExpr as P;
    match expression {
        P::UseDefaultValues { parameter, indirect: false, default_value: operand, .. }
        | P::IndicateErrorIfNullOrUnset { parameter, indirect: false, error_message: operand, .. }
        | P::UseAlternativeValue { parameter, indirect: false, alternative_value: operand, .. }
        | P::RemoveSmallestSuffixPattern { parameter, indirect: false, pattern: operand }
        | P::RemoveLargestSuffixPattern { parameter, indirect: false, pattern: operand }
        | P::RemoveSmallestPrefixPattern { parameter, indirect: false, pattern: operand }
        | P::RemoveLargestPrefixPattern { parameter, indirect: false, pattern: operand }
        | P::UppercaseFirstChar { parameter, indirect: false, pattern: operand }
        | P::UppercasePattern { parameter, indirect: false, pattern: operand }
        | P::LowercaseFirstChar { parameter, indirect: false, pattern: operand }
        | P::LowercasePattern { parameter, indirect: false, pattern: operand } => Some((parameter, operand)),
        _ => None,
    }
}

fn name(parameter: &Parameter, script: &mut Script) {
    match parameter {
        Parameter::Positional(_)
        | Parameter::Special(_)
        | Parameter::Named(_)
        | Parameter::NamedWithAllIndices { .. } => {}
        Parameter::NamedWithIndex { index, .. } => arithmetic::read(index, script),
    }
}
