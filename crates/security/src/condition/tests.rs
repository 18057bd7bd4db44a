use super::*;
use crate::literal::{Base, Sign};
use crate::sddl::tests::condition::{condition, parse_text};
use crate::sid::tests::any_sid;
use alloc::string::ToString;
use alloc::{format, vec};
use hex_literal::hex;
use proptest::prelude::*;

fn any_attribute(local: bool) -> BoxedStrategy<Attribute> {
    let scoped = (prop::sample::select(vec![Scope::User, Scope::Resource, Scope::Device]), "[^\0]{1,6}");
    let scoped = scoped.prop_map(|(scope, name)| Attribute { scope, name });
    let plain = "[a-zA-Z0-9:./_][a-zA-Z0-9:./_@]{0,5}".prop_filter("an operator", |name| is_local_name(name));
    let plain = plain.prop_map(|name| Attribute { scope: Scope::Local, name });
    if local { prop_oneof![scoped, plain].boxed() } else { scoped.boxed() }
}

fn any_literal() -> impl Strategy<Value = Literal> {
    let integer = (any::<i64>(), any::<bool>(), 0..3_usize).prop_map(|(value, plus, base)| {
        let sign = if value < 0 { Sign::Minus } else { [Sign::None, Sign::Plus][usize::from(plus)] };
        Integer::new(value, sign, [Base::Octal, Base::Decimal, Base::Hexadecimal][base]).unwrap()
    });
    let scalar = || {
        prop_oneof![
            integer.clone().prop_map(Literal::Integer),
            "[^\"\0]{0,6}".prop_map(Literal::Text),
            prop::collection::vec(any::<u8>(), 0..6).prop_map(Literal::Octets),
            any_sid().prop_map(|sid| Literal::Sid(sid.into())),
        ]
    };
    prop_oneof![3 => scalar(), 1 => prop::collection::vec(scalar(), 0..4).prop_map(Literal::List)]
}

fn any_expression() -> impl Strategy<Value = Expression> {
    let of = |kind| {
        let some: Vec<_> = OPERATORS.iter().filter(|operator| operator.kind == kind).collect();
        prop::sample::select(some)
    };
    let sids = prop::collection::vec(any_sid().prop_map(|sid| Literal::Sid(sid.into())), 0..3);
    let operand = prop_oneof![
        any_literal().prop_map(Operand::Literal),
        any_attribute(false).prop_map(Operand::Attribute)
    ];
    let leaf = prop_oneof![
        any_attribute(true).prop_map(Expression::Attribute),
        (of(OperatorKind::Exists), any_attribute(true))
            .prop_map(|(word, name)| Expression::Exists(word, name)),
        (of(OperatorKind::MemberOf), sids)
            .prop_map(|(word, sids)| Expression::MemberOf(word, Literal::List(sids))),
        (any_attribute(true), of(OperatorKind::Compare), operand)
            .prop_map(|(left, operator, right)| Expression::Compare(left, operator, right)),
    ];
    let tree = leaf.prop_map(Built::leaf).prop_recursive(4, 12, 2, |inner| {
        (0..3, inner.clone(), inner).prop_map(|(kind, left, right)| {
            let built = match kind {
                0 => left.not(),
                1 => left.and(right),
                _ => left.or(right),
            };
            built.unwrap()
        })
    });
    tree.prop_map(|built| built.expression)
}

pub(crate) fn any_condition() -> impl Strategy<Value = Condition> {
    let data = prop::collection::vec(any::<[u8; 4]>(), 0..6).prop_map(|words| words.concat());
    prop_oneof![
        3 => any_expression().prop_map(|expression| Condition(ConditionForm::Expression(expression))),
        1 => data.prop_map(|data| Condition::decode(&data)),
    ]
}

proptest! {
    #[test]
    fn application_data_comes_back_unchanged(condition in any_condition(), padding in 0..4_usize) {
        let mut data = Vec::new();
        condition.encode_into(&mut data);
        prop_assert_eq!(data.len(), condition.encoded_len());
        if !condition.is_opaque() {
            data.resize(data.len() + padding, 0);
        }
        prop_assert_eq!(Condition::decode(&data), condition);
    }

    #[test]
    fn any_data_is_kept(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let data = [b"artx", &data[..]].concat();
        let decoded = Condition::decode(&data);
        let mut again = Vec::new();
        decoded.encode_into(&mut again);
        prop_assert_eq!(Condition::decode(&again), decoded);
    }
}

#[test]
fn depth_is_bounded_in_text_and_bytes() {
    let negated = |times: usize| format!("({}a{})", "!(".repeat(times), ")".repeat(times));
    assert!(parse_text(&negated(MAX_DEPTH - 1)).is_ok());
    let error = parse_text(&negated(MAX_DEPTH)).unwrap_err();
    assert_eq!(error.to_string(), "the condition is nested more than 64 deep");
    assert!(parse_text(&"(".repeat(1_000_000)).is_err());

    let data = |times: usize| [b"artx", &hex!("f8 02000000 6100")[..], &vec![0xA2; times]].concat();
    assert!(!Condition::decode(&data(MAX_DEPTH - 1)).is_opaque());
    assert!(Condition::decode(&data(MAX_DEPTH)).is_opaque());

    // Chains are not deep, however long.
    let chain = format!("(a{})", " && a".repeat(5000));
    assert_eq!(condition(&condition(&chain).to_string()), condition(&chain));
}

/// The bytes that Windows makes of these texts, by the tokens of [MS-DTYP] 2.4.4.17.4 to 2.4.4.17.8.
#[test]
fn the_binary_form_has_the_specified_tokens() {
    for (text, data) in [
        ("(a == 1)", &hex!("61727478 f8 02000000 6100 04 0100000000000000 03 02 80")[..]),
        ("(a >= -0x10)", &hex!("61727478 f8 02000000 6100 04 f0ffffffffffffff 02 03 85")),
        (
            "(@User.a && @Device.b || @Resource.c)",
            &hex!("61727478 f9 02000000 6100 fb 02000000 6200 a0 fa 02000000 6300 a1"),
        ),
        ("(a || b && c)", &hex!("61727478 f8 02000000 6100 f8 02000000 6200 f8 02000000 6300 a0 a1")),
        (
            "(!(Member_of {SID(BA)}))",
            &hex!("61727478 50 15000000 51 10000000 0102000000000005 20000000 20020000 89 a2"),
        ),
        (
            "(a Any_of {\"x\", #0102})",
            &hex!("61727478 f8 02000000 6100 50 0e000000 10 02000000 7800 18 02000000 0102 88"),
        ),
        ("(Not_Exists a)", &hex!("61727478 f8 02000000 6100 8d")),
    ] {
        let mut encoded = Vec::new();
        condition(text).encode_into(&mut encoded);
        assert_eq!(encoded, data, "{text}");
        assert_eq!(Condition::decode(data), condition(text));
    }
}

#[test]
fn bytes_that_no_text_can_express_stay_bytes() {
    for data in [
        &hex!("61727478")[..],
        &hex!("61727479 f8 02000000 6100"),
        // An operand alone, an operator without operands, two conditions.
        &hex!("61727478 04 0100000000000000 03 02"),
        &hex!("61727478 a0"),
        &hex!("61727478 f8 02000000 6100 f8 02000000 6100"),
        // A length that is too long, a name that is half a character, one with a quote in a local name.
        &hex!("61727478 f8 ffffffff 6100"),
        &hex!("61727478 f9 01000000 61"),
        &hex!("61727478 f8 02000000 2200"),
        // A local attribute on the right, a list in a list, a sign that does not fit.
        &hex!("61727478 f8 02000000 6100 f8 02000000 6100 80"),
        &hex!("61727478 f8 02000000 6100 50 05000000 50 00000000 80"),
        &hex!("61727478 f8 02000000 6100 04 0100000000000000 02 02 80"),
        // Padding that is none.
        &hex!("61727478 f8 02000000 6100 00 01"),
    ] {
        let condition = Condition::decode(data);
        assert!(condition.is_opaque(), "{data:02x?}");
        assert!(condition.to_string().starts_with("#61727"));
    }
    assert_eq!(condition("#01020304").to_string(), "#01020304");
}

#[test]
fn short_integers_become_long_ones() {
    let data = hex!("61727478 f8 02000000 6100 01 0500000000000000 03 02 80");
    assert_eq!(Condition::decode(&data), condition("(a == 5)"));
}
