//! The binary form of a condition: its operands and operators in postfix order ([MS-DTYP] 2.4.4.17.4).

use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Attribute, Built, Condition, ConditionForm, Expression, Literal, OPERATORS, Operand, Operator,
    OperatorKind, Scope, is_local_name,
};
use crate::literal::{Base, Integer, Sign, can_be_quoted};
use crate::sid::Sid;
use crate::trustee::Trustee;

/// The first bytes of application data that is a condition.
const SIGNATURE: &[u8] = b"artx";

const PADDING: u8 = 0x00;
const INT64: u8 = 0x04;
const TEXT: u8 = 0x10;
const OCTETS: u8 = 0x18;
const LIST: u8 = 0x50;
const SID: u8 = 0x51;
const AND: u8 = 0xA0;
const OR: u8 = 0xA1;
const NOT: u8 = 0xA2;
const LOCAL: u8 = 0xF8;
const USER: u8 = 0xF9;
const RESOURCE: u8 = 0xFA;
const DEVICE: u8 = 0xFB;

impl Condition {
    /// Reads the application data of a callback entry. Data that is not a condition, is nested too deeply, or
    /// has names and texts that SDDL cannot express, is kept as bytes.
    ///
    /// Integers of 8, 16 and 32 bits become 64-bit ones, the only ones that SDDL has.
    pub(crate) fn decode(data: &[u8]) -> Self {
        let expression = data.strip_prefix(SIGNATURE).and_then(expression);
        Self(expression.map_or_else(|| ConditionForm::Opaque(data.to_vec()), ConditionForm::Expression))
    }

    /// Appends the application data. Aliases without a domain have been refused before.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        match &self.0 {
            ConditionForm::Expression(expression) => {
                out.extend_from_slice(SIGNATURE);
                expression.encode_into(out);
            }
            ConditionForm::Opaque(data) => out.extend_from_slice(data),
        }
    }

    /// Bytes of the application data.
    pub(crate) fn encoded_len(&self) -> usize {
        let mut encoded = Vec::new();
        self.encode_into(&mut encoded);
        encoded.len()
    }
}

impl Expression {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let (chain, operator) = match self {
            Self::Attribute(attribute) => return attribute.encode_into(out),
            Self::Exists(operator, attribute) => {
                attribute.encode_into(out);
                return out.push(operator.token);
            }
            Self::MemberOf(operator, sids) => {
                sids.encode_into(out);
                return out.push(operator.token);
            }
            Self::Compare(left, operator, right) => {
                left.encode_into(out);
                match right {
                    Operand::Attribute(right) => right.encode_into(out),
                    Operand::Literal(right) => right.encode_into(out),
                }
                return out.push(operator.token);
            }
            Self::Not(inner) => {
                inner.encode_into(out);
                return out.push(NOT);
            }
            Self::And(chain) => (chain, AND),
            Self::Or(chain) => (chain, OR),
        };
        for (at, inner) in chain.iter().enumerate() {
            inner.encode_into(out);
            if at > 0 {
                out.push(operator);
            }
        }
    }
}

impl Attribute {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let token = match self.scope {
            Scope::Local => LOCAL,
            Scope::User => USER,
            Scope::Resource => RESOURCE,
            Scope::Device => DEVICE,
        };
        encode_sized(token, out, |out| encode_text(&self.name, out));
    }
}

impl Literal {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(integer) => {
                out.push(INT64);
                out.extend_from_slice(&integer.value.to_le_bytes());
                out.extend_from_slice(&[integer.sign as u8, integer.base as u8]);
            }
            Self::Text(text) => encode_sized(TEXT, out, |out| encode_text(text, out)),
            Self::Octets(octets) => encode_sized(OCTETS, out, |out| out.extend_from_slice(octets)),
            Self::Sid(sid) => encode_sized(SID, out, |out| sid.encode_into(out)),
            Self::List(list) => {
                encode_sized(LIST, out, |out| list.iter().for_each(|literal| literal.encode_into(out)));
            }
        }
    }
}

/// Appends a token, a length in bytes, and the bytes that `contents` appends.
fn encode_sized(token: u8, out: &mut Vec<u8>, contents: impl FnOnce(&mut Vec<u8>)) {
    out.push(token);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    contents(out);
    let length = (out.len() - at - 4) as u32;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
}

/// An item on the stack of the postfix form.
enum Item {
    Attribute(Attribute),
    Literal(Literal),
    Expression(Built),
}

impl Item {
    /// The item as an expression. An attribute alone is an expression, too.
    fn into_built(self) -> Option<Built> {
        match self {
            Self::Attribute(attribute) => Some(Built::leaf(Expression::Attribute(attribute))),
            Self::Expression(built) => Some(built),
            Self::Literal(_) => None,
        }
    }
}

/// Reads a condition behind its signature. `None` if SDDL cannot express it.
fn expression(mut rest: &[u8]) -> Option<Expression> {
    let mut stack: Vec<Item> = Vec::new();
    while let Some(&token) = rest.first() {
        let item = match token {
            PADDING => {
                rest.iter().all(|&byte| byte == PADDING).then_some(())?;
                break;
            }
            LOCAL..=DEVICE => Item::Attribute(attribute(&mut rest)?),
            AND | OR => {
                rest = rest.get(1..)?;
                let (right, left) = (stack.pop()?.into_built()?, stack.pop()?.into_built()?);
                Item::Expression(if token == AND { left.and(right)? } else { left.or(right)? })
            }
            NOT => {
                rest = rest.get(1..)?;
                Item::Expression(stack.pop()?.into_built()?.not()?)
            }
            _ => match OPERATORS.iter().find(|operator| operator.token == token) {
                Some(operator) => {
                    rest = rest.get(1..)?;
                    Item::Expression(Built::leaf(apply(operator, &mut stack)?))
                }
                None => Item::Literal(literal(&mut rest)?),
            },
        };
        stack.push(item);
    }
    let whole = stack.pop()?.into_built()?.expression;
    stack.is_empty().then_some(whole)
}

fn apply(operator: &'static Operator, stack: &mut Vec<Item>) -> Option<Expression> {
    let last = stack.pop()?;
    Some(match (operator.kind, last) {
        (OperatorKind::Exists, Item::Attribute(attribute)) => Expression::Exists(operator, attribute),
        (OperatorKind::MemberOf, Item::Literal(sids)) => {
            let is_sid = |literal: &Literal| matches!(literal, Literal::Sid(_));
            let all_sids = matches!(&sids, Literal::List(list) if list.iter().all(is_sid)) || is_sid(&sids);
            all_sids.then_some(Expression::MemberOf(operator, sids))?
        }
        (OperatorKind::Compare, right) => {
            let right = match right {
                Item::Attribute(right) if right.scope != Scope::Local => Operand::Attribute(right),
                Item::Literal(right) => Operand::Literal(right),
                Item::Attribute(_) | Item::Expression(_) => return None,
            };
            let Item::Attribute(left) = stack.pop()? else { return None };
            Expression::Compare(left, operator, right)
        }
        _ => return None,
    })
}

fn attribute(rest: &mut &[u8]) -> Option<Attribute> {
    let scope = match *rest.first()? {
        LOCAL => Scope::Local,
        USER => Scope::User,
        RESOURCE => Scope::Resource,
        _ => Scope::Device,
    };
    let name = text(sized(rest)?)?;
    let allowed = if scope == Scope::Local { is_local_name(&name) } else { !name.is_empty() };
    (allowed && !name.contains('\0')).then_some(Attribute { scope, name })
}

fn literal(rest: &mut &[u8]) -> Option<Literal> {
    if *rest.first()? != LIST {
        return scalar(rest);
    }
    let mut contents = sized(rest)?;
    let mut list = Vec::new();
    while !contents.is_empty() {
        list.push(scalar(&mut contents)?);
    }
    Some(Literal::List(list))
}

fn scalar(rest: &mut &[u8]) -> Option<Literal> {
    Some(match *rest.first()? {
        // Integers of 8, 16, 32 and 64 bits all take eight bytes.
        0x01..=INT64 => {
            let (integer, behind) = rest.get(1..)?.split_first_chunk::<10>()?;
            *rest = behind;
            let [value @ .., sign, base] = *integer;
            let mut signs = [Sign::Plus, Sign::Minus, Sign::None].into_iter();
            let mut bases = [Base::Octal, Base::Decimal, Base::Hexadecimal].into_iter();
            let sign = signs.find(|known| *known as u8 == sign)?;
            let base = bases.find(|known| *known as u8 == base)?;
            Literal::Integer(Integer::new(i64::from_le_bytes(value), sign, base)?)
        }
        TEXT => Literal::Text(text(sized(rest)?).filter(|text| can_be_quoted(text))?),
        OCTETS => Literal::Octets(sized(rest)?.to_vec()),
        SID => Literal::Sid(Trustee::Sid(Sid::from_bytes(sized(rest)?).ok()?)),
        _ => return None,
    })
}

/// Takes a token, a length and as many bytes.
fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.get(1..)?.split_first_chunk::<4>()?;
    let (contents, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = behind;
    Some(contents)
}

fn text(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok()
}
