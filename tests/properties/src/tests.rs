//! Bytes that are nearly right, changed a little at random.

use super::*;
use proptest::{prelude::*, sample::Index};

const SCF: &str = "TC3-HMAC-SHA256 Credential=AKIDexample/2026-01-02/scf/tc3_request, \
                   SignedHeaders=content-type;host, \
                   Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const FC: [&str; 3] = [
    "FC key:c2lnbmF0dXJl\n/2016-08-15/services/s?limit=3",
    "ACS3-HMAC-SHA256 Credential=key,SignedHeaders=host;x-acs-date,Signature=0123456789abcdef\n/2021-04-06/services?a=%20",
    "acs key:c2lnbmF0dXJl\n//2021-04-06/services",
];
/// A result, a compiled file, an error, and the beginning of a frame.
const FRAMES: &[u8] = b"\x05\0\0\0r\"ok\"\x08\0\0\0c\x03\0a.cxy\x03\0\0\0e{}\xff\0\0\0i";
/// An empty archive: the end of a central directory that lists nothing.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn changed(bytes: &[u8], changes: &[(Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    changes.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    prop::collection::vec(any::<(Index, u8)>(), 0..4)
}

#[test]
fn what_is_nearly_right_is_looked_at_closely() {
    assert!(sluice_scf::signature::parse_authorization(SCF).is_ok(), "otherwise the property says nothing");
    assert!(FC.iter().all(|text| sluice_fc::signature::parse(text.split('\n').next().unwrap()).is_ok()));
    scf_signature(SCF);
    FC.iter().for_each(|text| fc_signature(text));
    frames(FRAMES);
    zip(EMPTY_ZIP);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        scf_signature(&text);
        fc_signature(&text);
        frames(&bytes);
        zip(&bytes);
    }

    #[test]
    fn small_changes_are_survived(changes in changes(), which in 0..FC.len()) {
        scf_signature(&String::from_utf8_lossy(&changed(SCF.as_bytes(), &changes)));
        fc_signature(&String::from_utf8_lossy(&changed(FC[which].as_bytes(), &changes)));
        frames(&changed(FRAMES, &changes));
        zip(&changed(EMPTY_ZIP, &changes));
    }
}
