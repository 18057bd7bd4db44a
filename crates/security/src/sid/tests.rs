use super::*;
use alloc::string::ToString;
use alloc::vec;
use hex_literal::hex;
use proptest::prelude::*;

pub(crate) fn any_sid() -> impl Strategy<Value = Sid> {
    let known = ["S-1-1-0", "S-1-5-11", "S-1-5-32-544", "S-1-3-4", "S-1-16-8192", "S-1-5-21-1-2-3-500"];
    let known = prop::sample::select(known.map(|sid| sid.parse::<Sid>().unwrap()).to_vec());
    let any = (0..1_u64 << 48, prop::collection::vec(any::<u32>(), 1..=15));
    prop_oneof![known, any.prop_map(|(authority, values)| Sid::new(authority, &values).unwrap())]
}

proptest! {
    #[test]
    fn text_and_bytes_come_back_unchanged(sid in any_sid()) {
        prop_assert_eq!(sid.to_string().parse::<Sid>(), Ok(sid));
        prop_assert_eq!(Sid::from_bytes(&sid.to_bytes()), Ok(sid));
        prop_assert_eq!(sid.to_bytes().len(), sid.encoded_len());
    }

    #[test]
    fn any_bytes_are_a_sid_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(sid) = Sid::from_bytes(&bytes) {
            prop_assert_eq!(sid.to_bytes(), bytes);
        }
    }

    #[test]
    fn any_text_is_a_sid_or_an_error(text in "[sS]-1-[0-9a-fxX]{0,16}(-[0-9]{0,12}){0,17}") {
        if let Ok(sid) = text.parse::<Sid>() {
            prop_assert_eq!(sid.to_string().parse::<Sid>(), Ok(sid));
        }
    }
}

#[test]
fn the_administrators_have_their_published_bytes() {
    let bytes = hex!("01 02 000000000005 20000000 20020000");
    let sid = Sid::from_bytes(&bytes).unwrap();
    assert_eq!(sid.to_string(), "S-1-5-32-544");
    assert_eq!((sid.authority(), sid.sub_authorities(), sid.rid()), (5, &[32, 544][..], 544));
}

#[test]
fn a_large_authority_is_hexadecimal_in_text() {
    let sid = Sid::new(0x1_0000_0000, &[7]).unwrap();
    assert_eq!(sid.to_string(), "S-1-0x000100000000-7");
    assert_eq!("S-1-0x5-18".parse::<Sid>().unwrap().to_string(), "S-1-5-18");
    assert_eq!(Sid::new(1 << 48, &[1]), Err(SidError::Authority));
}

#[test]
fn an_error_says_why_text_is_not_a_sid() {
    let too_many = ["S-1-5", &"-1".repeat(16)].concat();
    let too_large_authority = ["S-1-", &(1_u64 << 48).to_string(), "-1"].concat();
    for (text, error) in [
        ("", SidError::Prefix),
        ("S-2-5-1", SidError::Prefix),
        ("BA", SidError::Prefix),
        ("S-1", SidError::Prefix),
        ("S-1-", SidError::Authority),
        ("S-1-x-1", SidError::Authority),
        ("S-1-+5-1", SidError::Authority),
        (&too_large_authority, SidError::Authority),
        ("S-1-5", SidError::Count(0)),
        ("S-1-5-", SidError::SubAuthority),
        ("S-1-5--1", SidError::SubAuthority),
        ("S-1-5-+1", SidError::SubAuthority),
        ("S-1-5-4294967296", SidError::SubAuthority),
        ("S-1-5-11 ", SidError::SubAuthority),
        (&too_many, SidError::Count(16)),
    ] {
        assert_eq!(text.parse::<Sid>(), Err(error), "{text}");
    }
}

#[test]
fn an_error_says_why_bytes_are_not_a_sid() {
    for (bytes, error) in [
        (vec![], SidError::Length { expected: 8, found: 0 }),
        (vec![2, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0], SidError::Revision(2)),
        (vec![1, 0, 0, 0, 0, 0, 0, 5], SidError::Count(0)),
        (vec![1, 16, 0, 0, 0, 0, 0, 5], SidError::Count(16)),
        (vec![1, 1, 0, 0, 0, 0, 0, 5, 0], SidError::Length { expected: 12, found: 9 }),
        (vec![1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 9], SidError::Length { expected: 12, found: 13 }),
    ] {
        assert_eq!(Sid::from_bytes(&bytes), Err(error), "{bytes:?}");
    }
}

#[test]
fn accounts_know_their_machine() {
    let machine: Sid = "S-1-5-21-1-2-3".parse().unwrap();
    let user = machine.with_rid(1001).unwrap();
    assert_eq!(user.to_string(), "S-1-5-21-1-2-3-1001");
    assert_eq!(user.domain(), Some(machine));
    assert_eq!(machine.domain(), None);
    assert_eq!("S-1-5-32-544".parse::<Sid>().unwrap().domain(), None);
}
