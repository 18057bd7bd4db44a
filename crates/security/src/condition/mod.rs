//! Conditions of callback entries.

mod binary;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::literal::Integer;
use crate::trustee::Trustee;

/// The maximum nesting of a condition. Reading, writing and dropping a condition recurse as deep.
pub(crate) const MAX_DEPTH: usize = 64;

/// The condition under which a callback entry counts ([MS-DTYP] 2.4.4.17). Read, kept and written, but never
/// evaluated.
///
/// `Display` writes SDDL, parentheses included. Application data that is not a condition, or that SDDL cannot
/// express, is written as `#` and its bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(pub(crate) ConditionForm);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConditionForm {
    Expression(Expression),
    Opaque(Vec<u8>),
}

/// An expression, at most [`MAX_DEPTH`] levels deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Holds if the attribute exists and is not zero.
    Attribute(Attribute),
    Exists(&'static Operator, Attribute),
    MemberOf(&'static Operator, Literal),
    Compare(Attribute, &'static Operator, Operand),
    Not(Box<Self>),
    /// Two or more. The first is not an `And`: a chain reads from left to right.
    And(Vec<Self>),
    /// Two or more. The first is not an `Or`.
    Or(Vec<Self>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Attribute(Attribute),
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Integer(Integer),
    Text(String),
    Octets(Vec<u8>),
    Sid(Trustee),
    /// No element is a list.
    List(Vec<Self>),
}

/// A named fact about the caller, its machine or the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Local,
    User,
    Resource,
    Device,
}

/// An operator other than `!`, `&&` and `||`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) text: &'static str,
    token: u8,
    pub(crate) kind: OperatorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperatorKind {
    /// Before an attribute.
    Exists,
    /// Before a SID or a list of them.
    MemberOf,
    /// Between an attribute and an operand.
    Compare,
}

const fn operator(kind: OperatorKind, text: &'static str, token: u8) -> Operator {
    Operator { text, token, kind }
}

/// [MS-DTYP] 2.4.4.17.6 and 2.4.4.17.7. A symbol comes after those that start with it.
pub(crate) static OPERATORS: [Operator; 20] = [
    operator(OperatorKind::Compare, "==", 0x80),
    operator(OperatorKind::Compare, "!=", 0x81),
    operator(OperatorKind::Compare, "<=", 0x83),
    operator(OperatorKind::Compare, "<", 0x82),
    operator(OperatorKind::Compare, ">=", 0x85),
    operator(OperatorKind::Compare, ">", 0x84),
    operator(OperatorKind::Compare, "Contains", 0x86),
    operator(OperatorKind::Compare, "Any_of", 0x88),
    operator(OperatorKind::Compare, "Not_Contains", 0x8E),
    operator(OperatorKind::Compare, "Not_Any_of", 0x8F),
    operator(OperatorKind::Exists, "Exists", 0x87),
    operator(OperatorKind::Exists, "Not_Exists", 0x8D),
    operator(OperatorKind::MemberOf, "Member_of", 0x89),
    operator(OperatorKind::MemberOf, "Device_Member_of", 0x8A),
    operator(OperatorKind::MemberOf, "Member_of_Any", 0x8B),
    operator(OperatorKind::MemberOf, "Device_Member_of_Any", 0x8C),
    operator(OperatorKind::MemberOf, "Not_Member_of", 0x90),
    operator(OperatorKind::MemberOf, "Not_Device_Member_of", 0x91),
    operator(OperatorKind::MemberOf, "Not_Member_of_Any", 0x92),
    operator(OperatorKind::MemberOf, "Not_Device_Member_of_Any", 0x93),
];

/// Whether text can name a local attribute: `attr-name1` of [MS-DTYP] 2.5.1.1, but not the name of an
/// operator that may stand in the same position.
pub(crate) fn is_local_name(name: &str) -> bool {
    let reserved = |operator: &Operator| {
        operator.kind != OperatorKind::Compare && operator.text.eq_ignore_ascii_case(name)
    };
    !name.is_empty()
        && !name.starts_with('@')
        && name.chars().all(is_local_name_char)
        && !OPERATORS.iter().any(reserved)
}

pub(crate) fn is_local_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '/' | '_' | '@')
}

/// An expression and its depth, for building one that is not too deep.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) expression: Expression,
    depth: usize,
}

impl Built {
    pub(crate) fn leaf(expression: Expression) -> Self {
        Self { expression, depth: 1 }
    }

    pub(crate) fn not(self) -> Option<Self> {
        Self::of_depth(self.depth + 1, Expression::Not(Box::new(self.expression)))
    }

    pub(crate) fn and(self, right: Self) -> Option<Self> {
        let (chain, depth) = match self.expression {
            Expression::And(chain) => (chain, self.depth.max(right.depth + 1)),
            other => ([other].into(), self.depth.max(right.depth) + 1),
        };
        Self::of_depth(depth, Expression::And(extend(chain, right.expression)))
    }

    pub(crate) fn or(self, right: Self) -> Option<Self> {
        let (chain, depth) = match self.expression {
            Expression::Or(chain) => (chain, self.depth.max(right.depth + 1)),
            other => ([other].into(), self.depth.max(right.depth) + 1),
        };
        Self::of_depth(depth, Expression::Or(extend(chain, right.expression)))
    }

    fn of_depth(depth: usize, expression: Expression) -> Option<Self> {
        (depth <= MAX_DEPTH).then_some(Self { expression, depth })
    }
}

fn extend(mut chain: Vec<Expression>, last: Expression) -> Vec<Expression> {
    chain.push(last);
    chain
}

impl Condition {
    /// Whether it is only bytes, because it is not a condition or SDDL cannot express it.
    pub fn is_opaque(&self) -> bool {
        matches!(self.0, ConditionForm::Opaque(_))
    }

    /// The SIDs it mentions.
    pub(crate) fn trustees(&self) -> Vec<&Trustee> {
        let mut found = Vec::new();
        if let ConditionForm::Expression(expression) = &self.0 {
            expression.visit(&mut |sid| found.push(sid));
        }
        found
    }

    /// Changes the SIDs it mentions.
    pub(crate) fn change_trustees(&mut self, change: &mut impl FnMut(&mut Trustee)) {
        if let ConditionForm::Expression(expression) = &mut self.0 {
            expression.change(change);
        }
    }
}

impl Expression {
    fn visit<'a>(&'a self, found: &mut impl FnMut(&'a Trustee)) {
        match self {
            Self::Attribute(_) | Self::Exists(..) | Self::Compare(.., Operand::Attribute(_)) => {}
            Self::MemberOf(_, literal) | Self::Compare(.., Operand::Literal(literal)) => literal.visit(found),
            Self::Not(inner) => inner.visit(found),
            Self::And(chain) | Self::Or(chain) => chain.iter().for_each(|inner| inner.visit(found)),
        }
    }

    fn change(&mut self, change: &mut impl FnMut(&mut Trustee)) {
        match self {
            Self::Attribute(_) | Self::Exists(..) | Self::Compare(.., Operand::Attribute(_)) => {}
            Self::MemberOf(_, literal) | Self::Compare(.., Operand::Literal(literal)) => {
                literal.change(change);
            }
            Self::Not(inner) => inner.change(change),
            Self::And(chain) | Self::Or(chain) => chain.iter_mut().for_each(|inner| inner.change(change)),
        }
    }
}

impl Literal {
    fn visit<'a>(&'a self, found: &mut impl FnMut(&'a Trustee)) {
        match self {
            Self::Sid(sid) => found(sid),
            Self::List(list) => list.iter().for_each(|literal| literal.visit(found)),
            Self::Integer(_) | Self::Text(_) | Self::Octets(_) => {}
        }
    }

    fn change(&mut self, change: &mut impl FnMut(&mut Trustee)) {
        match self {
            Self::Sid(sid) => change(sid),
            Self::List(list) => list.iter_mut().for_each(|literal| literal.change(change)),
            Self::Integer(_) | Self::Text(_) | Self::Octets(_) => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
