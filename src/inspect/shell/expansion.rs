//! Expansions inside one raw word: which texts it runs, and which parts cannot be judged.
//!
//! Arithmetic over variables is not judged: a variable's value is evaluated as an expression, and an array index in
//! it may hold a command substitution. The same goes for indirect and transformed parameters.

use brush_parser::ParserOptions;
use brush_parser::ast::UnexpandedArithmeticExpr;
use brush_parser::word::{self, Parameter, ParameterExpr, WordPiece, WordPieceWithSource};

use super::Script;

const ARITHMETIC: &str = "arithmetic over variables, whose values are evaluated";
const INNER: &str = "a command inside an expansion";

/// Adds what the raw word runs to the script.
pub(super) fn read(raw: &str, options: &ParserOptions, script: &mut Script) {
    if !raw.contains(['$', '`']) {
        return;
    }
    match word::parse(raw, options) {
        Ok(pieces) => pieces.iter().for_each(|p| piece(p, script)),
        Err(_) => script.unknowns.push("an expansion that could not be read"),
    }
}

/// Text that is expanded but not split into words, such as a here-document: any command in it is unknown.
pub(super) fn refuse_commands(text: &str, script: &mut Script) {
    if text.contains("$(") || text.contains('`') || text.contains("$[") || text.contains("${") {
        script.unknowns.push(INNER);
    }
}

/// An arithmetic expression: only numbers and operators are certain.
pub(super) fn arithmetic(expression: &UnexpandedArithmeticExpr, script: &mut Script) {
    if expression.value.contains(|c: char| {
        !(c.is_ascii_digit() || c.is_whitespace() || "+-*/%<>=!&|^~?:,".contains(c))
    }) {
        script.unknowns.push(ARITHMETIC);
    }
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
    match expression {
        P::Parameter {
            parameter,
            indirect: false,
        }
        | P::ParameterLength {
            parameter,
            indirect: false,
        } => name(parameter, script),
        P::UseDefaultValues {
            parameter,
            indirect: false,
            default_value: operand,
            ..
        }
        | P::IndicateErrorIfNullOrUnset {
            parameter,
            indirect: false,
            error_message: operand,
            ..
        }
        | P::UseAlternativeValue {
            parameter,
            indirect: false,
            alternative_value: operand,
            ..
        }
        | P::RemoveSmallestSuffixPattern {
            parameter,
            indirect: false,
            pattern: operand,
        }
        | P::RemoveLargestSuffixPattern {
            parameter,
            indirect: false,
            pattern: operand,
        }
        | P::RemoveSmallestPrefixPattern {
            parameter,
            indirect: false,
            pattern: operand,
        }
        | P::RemoveLargestPrefixPattern {
            parameter,
            indirect: false,
            pattern: operand,
        } => {
            name(parameter, script);
            refuse_commands(operand.as_deref().unwrap_or_default(), script);
        }
        _ => script
            .unknowns
            .push("an expansion that computes a name or a value"),
    }
}

fn name(parameter: &Parameter, script: &mut Script) {
    let certain = match parameter {
        Parameter::Positional(_)
        | Parameter::Special(_)
        | Parameter::Named(_)
        | Parameter::NamedWithAllIndices { .. } => true,
        Parameter::NamedWithIndex { index, .. } => index.chars().all(|c| c.is_ascii_digit()),
    };
    if !certain {
        script.unknowns.push(ARITHMETIC);
    }
}
