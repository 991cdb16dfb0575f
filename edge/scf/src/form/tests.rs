use super::*;
use proptest::prelude::*;

#[test]
fn pairs_are_decoded() {
    let read = pairs(b"a=1&b=x+y%20z&empty=&bare&c=%E4%B8%AD&d=1%2B1").unwrap();
    let expected = [("a", "1"), ("b", "x y z"), ("empty", ""), ("bare", ""), ("c", "中"), ("d", "1+1")];
    assert_eq!(read.len(), expected.len());
    for ((key, value), (wanted_key, wanted)) in read.iter().zip(expected) {
        assert_eq!((key.as_ref(), value.as_ref()), (wanted_key, wanted));
    }
    assert!(pairs(b"a=%FF").is_err());
}

#[test]
fn the_tree_leaves_the_protocols_own_fields_out() {
    let read = pairs(b"Action=GetFunction&Signature=x&FunctionName=hello").unwrap();
    let root = tree(&read).unwrap();
    assert_eq!(root.text("FunctionName"), Some("hello"));
    assert_eq!(root.text("Action"), None);
    assert_eq!(field(&read, "Signature"), Some("x"));
}

#[test]
fn multipart_holds_text_and_json_parts() {
    let body = b"--b0\r\nContent-Disposition: form-data; name=\"FunctionName\"\r\n\r\nhello\r\n--b0\r\n\
        Content-Disposition: form-data; name=\"Code\"\r\nContent-Type: application/json\r\n\r\n{\"ZipFile\": \"UEs=\"}\r\n--b0--\r\n";
    let root = multipart("multipart/form-data; boundary=b0", body).unwrap();
    assert_eq!(root.text("FunctionName"), Some("hello"));
    let Node::Branch(children) = &root else { panic!("not an object") };
    assert_eq!(children["Code"], Node::Json(serde_json::json!({ "ZipFile": "UEs=" })));
    assert!(multipart("multipart/form-data; boundary=b0", b"").is_ok());
    for (kind, body) in [
        ("multipart/form-data", &body[..]),
        ("multipart/form-data; boundary=other", body),
        ("multipart/form-data; boundary=b0", &body[..40]),
        ("multipart/form-data; boundary=b0", b"--b0\r\n\r\nno name\r\n--b0--\r\n"),
    ] {
        assert_eq!(multipart(kind, body).unwrap_err().code, "InvalidRequest");
    }
}

proptest! {
    #[test]
    fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = pairs(&bytes).map(|read| tree(&read));
        let _ = multipart("multipart/form-data; boundary=b", &bytes);
        let framed = [b"--b\r\n".as_slice(), &bytes, b"\r\n--b--\r\n"].concat();
        let _ = multipart("multipart/form-data; boundary=b", &framed);
    }
}
