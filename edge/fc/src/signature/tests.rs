//! Requests of real clients (aliyun-fc2 2.5.2 and alibabacloud-fc-open20210406 2.0.12 for Python), recorded on
//! the wire, and requests signed here for what those two do not do.

use super::*;
use acs3::hex;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

const KEY: &str = "LTAIexample";
const SECRET: &[u8] = b"secret-of-example";
/// When they were recorded: 2026-11-21T22:10:00Z.
const NOW: i64 = 1_795_299_000;
const DATE: &str = "Sat, 21 Nov 2026 22:10:01 GMT";

const FC_LIST: &str = "\
GET /2016-08-15/services?limit=2&prefix=a+b
host: 127.0.0.1:19000/
date: Sat, 21 Nov 2026 22:10:01 GMT
content-type: application/json
authorization: FC LTAIexample:+VgvDwnFQLScbEVICQLnJxoYtJ/fAwHZpC4JfSdNPHk=

";
const FC_INVOKE: &str = "\
POST /2016-08-15/services/svc.LATEST/functions/fn/invocations
host: 127.0.0.1:19000/
date: Sat, 21 Nov 2026 22:10:01 GMT
content-type: application/json
x-fc-log-type: Tail
authorization: FC LTAIexample:5kVw3z86GIwjXNR5LXfEDxuiD4/HP0WuXyr7UHIFc10=

hi";
const ACS3_LIST: &str = "\
GET /2021-04-06/services?limit=2&prefix=a+b%2B%C3%A9&startKey=
host: 127.0.0.1:19000
x-acs-version: 2021-04-06
x-acs-action: ListServices
user-agent: AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2
x-acs-date: 2026-11-21T22:10:01Z
x-acs-signature-nonce: d0e79277e11eb70d41004278487eff4e
accept: application/json
x-acs-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
x-acs-credentials-provider: static_ak
authorization: ACS3-HMAC-SHA256 Credential=LTAIexample,SignedHeaders=accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=5052439eaaa10e56f9784a418c2f879a4b8a74ee172bc1bb419c89c226fb4297

";
/// With an endpoint that is a whole address, which goes into Host.
const ACS3_CREATE: &str = "\
POST /2021-04-06/services
host: http://127.0.0.1:19000
x-acs-version: 2021-04-06
x-acs-action: CreateService
user-agent: AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2
x-acs-date: 2026-11-21T22:10:02Z
x-acs-signature-nonce: a124d2cf375d37e0a76947e4123fb5c3
accept: application/json
content-type: application/json; charset=utf-8
x-acs-content-sha256: e223b6dd842bde551cd16977a00f9ce351fa60220d0938abdaef8edd04b66c5f
x-acs-credentials-provider: static_ak
authorization: ACS3-HMAC-SHA256 Credential=LTAIexample,SignedHeaders=accept;content-type;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=efab3b1303ccb7b53163d497a9d865fb659c0d08289e086946c1a07d9a2df238

{\"description\":\"d\",\"serviceName\":\"svc\"}";
const ROA_LIST: &str = "\
GET /2021-04-06/services?limit=2&prefix=a+b%2B%C3%A9&startKey=
date: Sat, 21 Nov 2026 22:10:02 GMT
host: 127.0.0.1:19000
accept: application/json
x-acs-signature-nonce: 61491a95ec8c82a839821dd3ebc881b5
x-acs-signature-method: HMAC-SHA1
x-acs-signature-version: 1.0
x-acs-version: 2021-04-06
x-acs-action: ListServices
x-acs-credentials-provider: static_ak
authorization: acs LTAIexample:eJ43vKDsJUTfFSqWjr0InR7RsD4=

";
const ROA_INVOKE: &str = "\
POST /2021-04-06/services/svc/functions/fn/invocations?qualifier=LATEST
date: Sat, 21 Nov 2026 22:10:02 GMT
host: 127.0.0.1:19000
accept: application/json
x-acs-signature-nonce: 52d9983d5c4ed0f3b19005645f898550
x-acs-signature-method: HMAC-SHA1
x-acs-signature-version: 1.0
x-acs-version: 2021-04-06
x-acs-action: InvokeFunction
content-type: application/x-www-form-urlencoded
x-acs-credentials-provider: static_ak
authorization: acs LTAIexample:jQpjFDasdrw1LmPfQOU2Vj5RSsI=

=hi";
const RECORDED: [&str; 6] = [FC_LIST, FC_INVOKE, ACS3_LIST, ACS3_CREATE, ROA_LIST, ROA_INVOKE];

#[derive(Clone)]
struct Recorded {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Recorded {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: lines.map(header).collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        self
    }

    /// Signs as an FC client would that signs this form of the path.
    fn sign_fc(mut self, signed_path: &str) -> Self {
        let header = sign_fc(KEY, SECRET, &self.method, signed_path, &self.headers);
        self.set("authorization", &header).clone()
    }

    fn check(&self, secret: &[u8], now: i64) -> Result<(), Fault> {
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        parse(self.headers["authorization"].to_str().unwrap())?.verify(&request, secret, now)
    }
}

fn bare(path: &str) -> Recorded {
    Recorded::read(&format!("POST {path}\ndate: {DATE}\n\n"))
}

#[test]
fn recorded_requests_verify() {
    for text in RECORDED {
        let request = Recorded::read(text);
        assert_eq!(request.check(SECRET, NOW), Ok(()), "{text}");
        let authorization = request.headers["authorization"].to_str().unwrap();
        assert_eq!(parse(authorization).unwrap().key_id, KEY);
    }
}

#[test]
fn another_secret_or_request_does_not_verify() {
    for text in RECORDED {
        let request = Recorded::read(text);
        assert_eq!(request.check(b"secret-of-another", NOW), Err(Fault::Mismatch));
        let other = Recorded { method: "DELETE".into(), ..request.clone() };
        assert_eq!(other.check(SECRET, NOW), Err(Fault::Mismatch));
        let other = Recorded { path: format!("{}x", request.path), ..request };
        assert_eq!(other.check(SECRET, NOW), Err(Fault::Mismatch));
    }
    let mut added = Recorded::read(FC_INVOKE);
    added.headers.append("x-fc-log-type", HeaderValue::from_static("None"));
    assert_eq!(added.check(SECRET, NOW), Err(Fault::Mismatch));
    added.headers.remove("x-fc-log-type");
    assert_eq!(added.check(SECRET, NOW), Err(Fault::Mismatch));
}

#[test]
fn requests_are_good_for_fifteen_minutes_either_way() {
    for text in RECORDED {
        let request = Recorded::read(text);
        assert_eq!(request.check(SECRET, NOW + 890), Ok(()));
        assert_eq!(request.check(SECRET, NOW - 890), Ok(()));
        assert!(matches!(request.check(SECRET, NOW + 910), Err(Fault::Expired(_))), "{text}");
        assert!(matches!(request.check(SECRET, NOW - 910), Err(Fault::Expired(_))), "{text}");
    }
}

#[test]
fn a_query_is_part_of_the_newer_schemes_only() {
    let with = |text: &str, query: &str| Recorded { query: query.into(), ..Recorded::read(text) }.check(SECRET, NOW);
    assert_eq!(with(FC_LIST, "limit=3"), Ok(()));
    for text in [ACS3_LIST, ROA_LIST] {
        assert_eq!(with(text, "limit=3&prefix=a+b%2B%C3%A9&startKey="), Err(Fault::Mismatch));
        assert_eq!(with(text, ""), Err(Fault::Mismatch));
        // The same parameters in another order and spelling are the same query.
        assert_eq!(with(text, "startKey=&prefix=%61%20b%2b%c3%a9&limit=2"), Ok(()));
    }
    // One parameter may not hide another in its name or value.
    assert_eq!(with(ACS3_LIST, "limit=2%26prefix=a+b%2B%C3%A9&startKey="), Err(Fault::Mismatch));
    assert_eq!(with(ROA_INVOKE, "qualifier%3DLATEST="), Err(Fault::Mismatch));
}

#[test]
fn the_body_is_bound_by_its_hash_where_the_scheme_has_one() {
    let mut changed = Recorded::read(ACS3_CREATE);
    changed.body[2] ^= 1;
    assert_eq!(changed.check(SECRET, NOW), Err(Fault::BodyChanged));
    let hash = hex(&Sha256::digest(&changed.body));
    changed.set("x-acs-content-sha256", &hash);
    assert_eq!(changed.check(SECRET, NOW), Err(Fault::Mismatch));
}

#[test]
fn a_path_may_be_signed_escaped_decoded_or_collapsed() {
    let signed = |path: &str, form: &str| bare(path).sign_fc(form).check(SECRET, NOW);
    assert_eq!(signed("/2016-08-15/tag/a%20b", "/2016-08-15/tag/a%20b"), Ok(()));
    assert_eq!(signed("/2016-08-15/tag/a%20b", "/2016-08-15/tag/a b"), Ok(()));
    assert_eq!(signed("//2016-08-15/services", "/2016-08-15/services"), Ok(()));
    assert_eq!(signed("//2016-08-15/services", "//2016-08-15/services"), Ok(()));
    assert_eq!(signed("/2016-08-15/services", "/2016-08-15/service"), Err(Fault::Mismatch));
}

#[test]
fn content_md5_is_text_in_any_encoding() {
    for md5 in ["NDlmNjhhNWM4NDkzZWMyYzBiZjQ4OTgyMWMyMWZjM2I=", "49f68a5c8493ec2c0bf489821c21fc3b", "not a hash"] {
        let mut request = bare("/2016-08-15/services");
        request.set("content-md5", md5);
        let mut request = request.sign_fc("/2016-08-15/services");
        assert_eq!(request.check(SECRET, NOW), Ok(()));
        assert_eq!(request.set("content-md5", "other").check(SECRET, NOW), Err(Fault::Mismatch));
    }
}

#[test]
fn x_fc_date_stands_in_for_date() {
    let mut request = bare("/2016-08-15/services");
    request.headers.remove("date");
    assert_eq!(request.clone().sign_fc("/2016-08-15/services").check(SECRET, NOW), Err(Fault::MissingHeader("Date")));
    for date in [DATE, "2026-11-21T22:10:01Z"] {
        let request = request.set("x-fc-date", date).clone().sign_fc("/2016-08-15/services");
        assert_eq!(request.check(SECRET, NOW), Ok(()));
        assert!(matches!(request.check(SECRET, NOW + 1000), Err(Fault::Expired(_))));
    }
    let request = request.set("x-fc-date", "today").clone().sign_fc("/2016-08-15/services");
    assert_eq!(request.check(SECRET, NOW), Err(Fault::BadDate("today".into())));
}

#[test]
fn fc_headers_are_sorted_and_repeated_ones_joined() {
    let mut request = bare("/2016-08-15/services");
    request.set("x-fc-trace-id", "t").set("x-fc-account-id", "").set("x-other", "o");
    request.headers.append("x-fc-trace-id", HeaderValue::from_static("u"));
    let expected = format!("POST\n\n\n{DATE}\nx-fc-account-id:\nx-fc-trace-id:t,u\n/2016-08-15/services");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(expected);
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let header = format!("FC {KEY}:{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(sign_fc(KEY, SECRET, "POST", "/2016-08-15/services", &request.headers), header);
}

/// Signs as written in the vendor's document, from a canonical query and host given in full.
fn sign_acs3(request: &mut Recorded, names: &str, query: &str, host: &str) {
    let hash = hex(&Sha256::digest(&request.body));
    request.set("x-acs-content-sha256", &hash);
    let headers: String = names
        .split(';')
        .map(|name| match name {
            "host" => format!("host:{host}\n"),
            name => format!("{name}:{}\n", request.headers[name].to_str().unwrap()),
        })
        .collect();
    let canonical = format!("{}\n{}\n{query}\n{headers}\n{names}\n{hash}", request.method, request.path);
    let text = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(canonical)));
    let tag = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(text).finalize().into_bytes();
    let value = format!("ACS3-HMAC-SHA256 Credential={KEY}, SignedHeaders={names}, Signature={}", hex(&tag));
    request.set("authorization", &value);
}

#[test]
fn acs3_believes_the_list_of_signed_headers() {
    let mut request = bare("/2021-04-06/services");
    request.set("host", "h:1/").set("x-acs-date", "2026-11-21T22:10:01Z").set("user-agent", "any");
    for host in ["h:1/", "h:1"] {
        sign_acs3(&mut request, "host;x-acs-content-sha256;x-acs-date", "", host);
        assert_eq!(request.check(SECRET, NOW), Ok(()));
    }
    assert_eq!(request.set("user-agent", "rewritten").check(SECRET, NOW), Ok(()));
    sign_acs3(&mut request, "host;user-agent;x-acs-date", "", "h:1");
    assert_eq!(request.check(SECRET, NOW), Ok(()));
    assert_eq!(request.set("user-agent", "again").check(SECRET, NOW), Err(Fault::Mismatch));
    sign_acs3(&mut request, "host;user-agent", "", "h:1");
    assert_eq!(request.check(SECRET, NOW), Err(Fault::DateNotSigned("x-acs-date")));
}

#[test]
fn acs3_keys_of_the_query_may_be_signed_plain_or_encoded() {
    let mut request = bare("/2021-04-06/services");
    request.set("host", "h").set("x-acs-date", "2026-11-21T22:10:01Z");
    request.query = "tag_a%2Fb=c+d&limit".into();
    for canonical in ["limit=&tag_a%2Fb=c%20d", "limit=&tag_a/b=c%20d"] {
        sign_acs3(&mut request, "host;x-acs-date", canonical, "h");
        assert_eq!(request.check(SECRET, NOW), Ok(()), "{canonical}");
    }
    sign_acs3(&mut request, "host;x-acs-date", "limit=&tag_a/b=c+d", "h");
    assert_eq!(request.check(SECRET, NOW), Err(Fault::Mismatch));
}

#[test]
fn malformed_headers_are_refused_without_panic() {
    for text in
        ["", " ", "FC", "FC x", "FC :sig", "acs", "Bearer x", "ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=a"]
    {
        assert!(matches!(parse(text), Err(Fault::Malformed(_))), "{text:?}");
    }
    let long = "A".repeat(4096);
    for signature in ["", "!", "AAAA", &long] {
        for scheme in ["FC k:", "acs k:", "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=x-acs-date;\u{7f};,Signature=0"]
        {
            let mut request = bare("/%%%zz/é%ff?");
            request.set("x-acs-date", "2026-11-21T22:10:01Z");
            request.query = "%=%&&=&a%%=%e9".into();
            let text = format!("{scheme}{signature}");
            let request_of = SignedRequest {
                method: &request.method,
                path: &request.path,
                query: &request.query,
                headers: &request.headers,
                body: &request.body,
            };
            assert_eq!(parse(&text).unwrap().verify(&request_of, SECRET, NOW), Err(Fault::Mismatch), "{text}");
        }
    }
}
