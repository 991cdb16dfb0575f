//! Numbers in as few bytes as they need: seven bits each, the lowest first.

pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front. None when there is no whole number, or one that no `u64` can hold.
pub fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, byte) in input.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            *input = &input[index + 1..];
            return Some(value);
        }
    }
    None
}

/// How far `to` is from `from`, small whichever way it went.
pub fn put_change(out: &mut Vec<u8>, from: u64, to: u64) {
    let change = to.wrapping_sub(from) as i64;
    put(out, ((change << 1) ^ (change >> 63)) as u64);
}

pub fn take_change(input: &mut &[u8], from: u64) -> Option<u64> {
    let folded = take(input)?;
    let change = (folded >> 1) ^ (folded & 1).wrapping_neg();
    Some(from.wrapping_add(change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_changes_come_back(value: u64, from: u64, shift in 0u32..64) {
            let (value, from) = (value >> shift, from >> (63 - shift));
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            put_change(&mut bytes, from, value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take(&mut rest), Some(value));
            prop_assert_eq!(take_change(&mut rest, from), Some(value));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in
            [&[][..], &[0x80], &[0xff; 9], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(take(&mut &*bytes), None, "{bytes:?}");
        }
    }
}
