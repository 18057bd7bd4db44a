use super::*;
use crate::sddl::tests::attribute::parse_text;
use crate::sid::tests::any_sid;
use alloc::vec;
use hex_literal::hex;
use proptest::prelude::*;

pub(crate) fn any_attribute() -> impl Strategy<Value = ResourceAttribute> {
    use prop::collection::vec;
    let values = prop_oneof![
        vec(any::<i64>(), 0..3).prop_map(Values::Integers),
        vec(any::<u64>(), 0..3).prop_map(Values::Unsigned),
        vec("[^\"\0]{0,5}", 0..3).prop_map(Values::Texts),
        vec(any_sid().prop_map(Trustee::Sid), 0..3).prop_map(Values::Sids),
        vec(any::<bool>(), 0..3).prop_map(Values::Booleans),
        vec(vec(any::<u8>(), 0..5), 0..3).prop_map(Values::Octets),
    ];
    let claim = ("[^\0]{1,5}", any::<u32>(), values)
        .prop_map(|(name, flags, values)| ResourceAttribute(AttributeForm::Claim { name, flags, values }));
    let data = vec(any::<[u8; 4]>(), 0..12).prop_map(|words| ResourceAttribute::decode(&words.concat()));
    prop_oneof![4 => claim, 1 => data]
}

proptest! {
    #[test]
    fn data_comes_back_unchanged(attribute in any_attribute()) {
        let mut data = Vec::new();
        attribute.encode_into(&mut data);
        prop_assert_eq!(data.len(), attribute.encoded_len());
        prop_assert_eq!(ResourceAttribute::decode(&data), attribute);
    }

    #[test]
    fn any_data_is_kept(data in prop::collection::vec(prop_oneof![0..64_u8, any::<u8>()], 16..80), kind in 0..7_u8) {
        let mut data = data;
        data[4..8].copy_from_slice(&[kind, 0, 0, 0]);
        data[13..16].fill(0);
        let decoded = ResourceAttribute::decode(&data);
        let mut again = Vec::new();
        decoded.encode_into(&mut again);
        prop_assert_eq!(ResourceAttribute::decode(&again), decoded);
    }
}

#[test]
fn the_binary_form_is_laid_out_as_windows_does() {
    let data = hex!(
        "18000000 0300 0000 00000000 02000000 1c000000 20000000"
        "6100 0000  6200 0000  6300 0000"
    );
    let mut encoded = Vec::new();
    parse_text("(\"a\",TS,0,\"b\",\"c\")").unwrap().encode_into(&mut encoded);
    assert_eq!(encoded, data);
}

#[test]
fn values_that_share_bytes_cannot_multiply() {
    // A thousand values that are all the same text of a thousand characters.
    let mut data = Vec::new();
    let name_at = 16 + 4 * 1000_u32;
    data.extend_from_slice(&name_at.to_le_bytes());
    data.extend_from_slice(&hex!("0300 0000 00000000 e8030000"));
    data.extend((0..1000).flat_map(|_| name_at.to_le_bytes()));
    data.extend(vec![b'a'; 2000]);
    data.extend_from_slice(&[0, 0]);
    assert_eq!(ResourceAttribute::decode(&data).name(), None);
}
