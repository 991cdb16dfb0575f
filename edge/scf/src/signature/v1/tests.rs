use super::*;

// The expected values were computed by a separate program from the published algorithm.
const SECRET: &str = "a-secret-of-tests";
const HOST: &str = "127.0.0.1:9400";

fn fields() -> Vec<Pair<'static>> {
    let fields = [
        ("some_key", "a b/中"),
        ("Version", "2018-04-16"),
        ("Action", "ListFunctions"),
        ("Nonce", "11886"),
        ("SecretId", "ID"),
        ("Filters.0.Name", "Status"),
        ("Timestamp", "1700000000"),
        ("Region", "ap-guangzhou"),
        ("Signature", "is not part of what is signed"),
    ];
    fields.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

const SHA1: &str = "5Hz4utOJzrs76KqpH1OPfBwtO8Y=";
const SHA256: &str = "KoTeRaH34w6CjcB/0YzAoedAFFwkuhngEvMJ4NeMFKA=";

#[test]
fn keys_are_sorted_values_are_plain_and_underscores_become_periods() {
    assert_eq!(sign(Method::HmacSha1, SECRET, "POST", HOST, &fields()), SHA1);
    assert_eq!(sign(Method::HmacSha256, SECRET, "POST", HOST, &fields()), SHA256);
    assert!(verify(Method::HmacSha1, SECRET, "POST", HOST, &fields(), SHA1));
    assert!(verify(Method::HmacSha256, SECRET, "POST", HOST, &fields(), SHA256));
}

#[test]
fn anything_else_is_refused() {
    assert!(!verify(Method::HmacSha256, SECRET, "POST", HOST, &fields(), SHA1));
    assert!(!verify(Method::HmacSha1, "another", "POST", HOST, &fields(), SHA1));
    assert!(!verify(Method::HmacSha1, SECRET, "GET", HOST, &fields(), SHA1));
    assert!(!verify(Method::HmacSha1, SECRET, "POST", "127.0.0.2:9400", &fields(), SHA1));
    assert!(!verify(Method::HmacSha1, SECRET, "POST", HOST, &fields(), "not base64"));
    let mut changed = fields();
    changed[2].1 = "DeleteFunction".into();
    assert!(!verify(Method::HmacSha1, SECRET, "POST", HOST, &changed, SHA1));
}

#[test]
fn an_underscore_may_have_been_sorted_as_itself_or_as_a_period() {
    let pair = |key: &'static str| (key.into(), "1".into());
    // '_' comes after 'Z', '.' before 'A'.
    let fields = [pair("aZ"), pair("a_b")];
    let as_signed = sign(Method::HmacSha1, SECRET, "GET", HOST, &fields);
    assert!(verify(Method::HmacSha1, SECRET, "GET", HOST, &fields, &as_signed));
    let as_sent = STANDARD.encode(Method::HmacSha1.mac(SECRET, &format!("GET{HOST}/?aZ=1&a.b=1")));
    assert_ne!(as_signed, as_sent);
    assert!(verify(Method::HmacSha1, SECRET, "GET", HOST, &fields, &as_sent));
}

#[test]
fn the_method_defaults_to_sha1() {
    assert_eq!(Method::parse(None), Some(Method::HmacSha1));
    assert_eq!(Method::parse(Some("HmacSHA256")), Some(Method::HmacSha256));
    assert_eq!(Method::parse(Some("HmacMD5")), None);
}
