//! Conditions as text ([MS-DTYP] 2.5.1.1, `cond-expr`).

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::cursor::Cursor;
use super::{SddlError, SddlProblem, literal};
use crate::condition::{
    Attribute, Built, Condition, ConditionForm, Expression, Literal, MAX_DEPTH, OPERATORS, Operand, Operator,
    OperatorKind, Scope, is_local_name, is_local_name_char,
};
use crate::literal::{Integer, can_be_quoted};

/// Redundant parentheses may be nested deeper than those that count.
const MAX_PARENTHESES: usize = 2 * MAX_DEPTH;

const TERM: &str = "an attribute such as @User.Title, Member_of, Exists, ! or a condition in parentheses";
const OPERAND: &str = "an attribute such as @User.Title, a number, a text in double quotes, #, SID(…) or {…}";

/// Reads a condition in parentheses, or `#` and the bytes of one.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Condition, SddlError> {
    cursor.skip_space();
    if cursor.peek() == Some('#') {
        return literal::octets(cursor).map(|data| Condition::decode(&data));
    }
    let expression = parentheses(cursor, 1)?.expression;
    Ok(Condition(ConditionForm::Expression(expression)))
}

fn parentheses(cursor: &mut Cursor<'_>, depth: usize) -> Result<Built, SddlError> {
    cursor.skip_space();
    if depth > MAX_PARENTHESES {
        return Err(too_deep(cursor));
    }
    cursor.expect("(", "a condition in parentheses")?;
    let inner = disjunction(cursor, depth)?;
    cursor.expect(")", "an operator, or `)` at the end of the condition")?;
    Ok(inner)
}

fn disjunction(cursor: &mut Cursor<'_>, depth: usize) -> Result<Built, SddlError> {
    let mut left = conjunction(cursor, depth)?;
    while next_is(cursor, "||") {
        let right = conjunction(cursor, depth)?;
        left = left.or(right).ok_or_else(|| too_deep(cursor))?;
    }
    Ok(left)
}

fn conjunction(cursor: &mut Cursor<'_>, depth: usize) -> Result<Built, SddlError> {
    let mut left = term(cursor, depth)?;
    while next_is(cursor, "&&") {
        let right = term(cursor, depth)?;
        left = left.and(right).ok_or_else(|| too_deep(cursor))?;
    }
    Ok(left)
}

fn next_is(cursor: &mut Cursor<'_>, token: &str) -> bool {
    cursor.skip_space();
    cursor.eat(token)
}

fn term(cursor: &mut Cursor<'_>, depth: usize) -> Result<Built, SddlError> {
    cursor.skip_space();
    if cursor.peek() == Some('(') {
        return parentheses(cursor, depth + 1);
    }
    if cursor.eat("!") {
        return parentheses(cursor, depth + 1)?.not().ok_or_else(|| too_deep(cursor));
    }
    let leaf = match word(cursor, &[OperatorKind::Exists, OperatorKind::MemberOf]) {
        Some(operator) if operator.kind == OperatorKind::Exists => {
            Expression::Exists(operator, attribute(cursor)?)
        }
        Some(operator) => Expression::MemberOf(operator, sids(cursor)?),
        None => {
            let left = attribute(cursor)?;
            match comparison(cursor) {
                Some(operator) => Expression::Compare(left, operator, operand(cursor)?),
                None => Expression::Attribute(left),
            }
        }
    };
    Ok(Built::leaf(leaf))
}

/// Reads an operator that is a word of one of these kinds.
fn word(cursor: &mut Cursor<'_>, kinds: &[OperatorKind]) -> Option<&'static Operator> {
    let mut ahead = cursor.clone();
    let word = ahead.take_while(is_local_name_char);
    let is_word =
        |operator: &&Operator| kinds.contains(&operator.kind) && operator.text.eq_ignore_ascii_case(word);
    let operator = OPERATORS.iter().find(is_word)?;
    *cursor = ahead;
    Some(operator)
}

fn comparison(cursor: &mut Cursor<'_>) -> Option<&'static Operator> {
    cursor.skip_space();
    word(cursor, &[OperatorKind::Compare]).or_else(|| {
        let is_symbol = |operator: &&Operator| !operator.text.starts_with(|c: char| c.is_ascii_alphabetic());
        OPERATORS.iter().filter(is_symbol).find(|operator| cursor.eat(operator.text))
    })
}

/// Reads an attribute on the left of an operator, where a local one may stand too.
fn attribute(cursor: &mut Cursor<'_>) -> Result<Attribute, SddlError> {
    cursor.skip_space();
    if cursor.peek() == Some('@') {
        return scoped_attribute(cursor);
    }
    let start = cursor.clone();
    let name = cursor.take_while(is_local_name_char);
    if is_local_name(name) {
        Ok(Attribute { scope: Scope::Local, name: name.to_string() })
    } else {
        Err(start.unexpected(TERM))
    }
}

fn scoped_attribute(cursor: &mut Cursor<'_>) -> Result<Attribute, SddlError> {
    let scopes = [Scope::User, Scope::Resource, Scope::Device];
    let scope = scopes.into_iter().find(|scope| cursor.eat(scope.prefix()));
    let scope = scope.ok_or_else(|| cursor.unexpected("@User., @Resource. or @Device."))?;
    Ok(Attribute { scope, name: literal::name(cursor)? })
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, SddlError> {
    cursor.skip_space();
    match cursor.peek() {
        Some('@') => scoped_attribute(cursor).map(Operand::Attribute),
        Some('{') => list(cursor, scalar).map(Operand::Literal),
        _ => scalar(cursor).map(Operand::Literal),
    }
}

/// Reads the operand of `Member_of`: a SID, or a list of SIDs.
fn sids(cursor: &mut Cursor<'_>) -> Result<Literal, SddlError> {
    let sid = |cursor: &mut Cursor<'_>| literal::sid(cursor).map(Literal::Sid);
    cursor.skip_space();
    if cursor.peek() == Some('{') { list(cursor, sid) } else { sid(cursor) }
}

fn list(
    cursor: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<Literal, SddlError>,
) -> Result<Literal, SddlError> {
    cursor.expect("{", "a list in braces")?;
    let mut items = Vec::new();
    if next_is(cursor, "}") {
        return Ok(Literal::List(items));
    }
    loop {
        items.push(item(cursor)?);
        if next_is(cursor, "}") {
            return Ok(Literal::List(items));
        }
        cursor.expect(",", "`,` or `}` behind a value of the list")?;
    }
}

fn scalar(cursor: &mut Cursor<'_>) -> Result<Literal, SddlError> {
    cursor.skip_space();
    match cursor.peek() {
        Some('"') => {
            let start = cursor.clone();
            let text = literal::quoted(cursor)?;
            let allowed = can_be_quoted(text);
            allowed
                .then(|| Literal::Text(text.to_string()))
                .ok_or_else(|| start.unexpected("a text without NUL"))
        }
        Some('#') => literal::octets(cursor).map(Literal::Octets),
        Some('S' | 's') => literal::sid(cursor).map(Literal::Sid),
        Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-') => {
            Integer::parse(cursor).map(Literal::Integer)
        }
        _ => Err(cursor.unexpected(OPERAND)),
    }
}

fn too_deep(cursor: &Cursor<'_>) -> SddlError {
    cursor.error(SddlProblem::TooDeep(MAX_DEPTH))
}

impl Scope {
    fn prefix(self) -> &'static str {
        match self {
            Self::Local => "",
            Self::User => "@User.",
            Self::Resource => "@Resource.",
            Self::Device => "@Device.",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ConditionForm::Expression(expression) => write!(f, "({expression})"),
            ConditionForm::Opaque(data) => literal::write_octets(f, data),
        }
    }
}

impl fmt::Display for Expression {
    /// Writes the expression as Windows does: every operand of `!`, `&&` and `||` in parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, between) = match self {
            Self::Attribute(attribute) => return write!(f, "{attribute}"),
            Self::Exists(operator, attribute) => return write!(f, "{} {attribute}", operator.text),
            Self::MemberOf(operator, sids) => return write!(f, "{} {sids}", operator.text),
            Self::Compare(left, operator, Operand::Attribute(right)) => {
                return write!(f, "{left} {} {right}", operator.text);
            }
            Self::Compare(left, operator, Operand::Literal(right)) => {
                return write!(f, "{left} {} {right}", operator.text);
            }
            Self::Not(inner) => return write!(f, "!({inner})"),
            Self::And(chain) => (chain, " && "),
            Self::Or(chain) => (chain, " || "),
        };
        for (at, inner) in chain.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { between })?;
            write!(f, "({inner})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scope.prefix())?;
        literal::write_name(f, &self.name)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Octets(octets) => literal::write_octets(f, octets),
            Self::Sid(sid) => write!(f, "SID({sid})"),
            Self::List(list) => {
                f.write_char('{')?;
                for (at, literal) in list.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    write!(f, "{literal}")?;
                }
                f.write_char('}')
            }
        }
    }
}
