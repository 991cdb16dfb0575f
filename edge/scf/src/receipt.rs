//! The receipt of a throttled call in headers: which limit refused it, where that stood, when a retry can pass.
//! They are not the vendor's, whose answers have status 200 and say no more than the error itself.

use http::{HeaderMap, HeaderValue, header};
use sluice_domain::Refusal;

pub fn describe(headers: &mut HeaderMap, receipt: &Refusal) {
    headers.insert("x-sluice-limit", HeaderValue::from_static(receipt.throttle.as_str()));
    headers.insert("x-sluice-limit-value", receipt.limit.into());
    headers.insert("x-sluice-limit-used", receipt.used.into());
    // A name that no header can carry is left out; the record has it.
    let scope = receipt.scope.as_deref().filter(|scope| scope.is_ascii());
    if let Some(Ok(scope)) = scope.map(HeaderValue::from_str) {
        headers.insert("x-sluice-limit-scope", scope);
    }
    if let Some(seconds) = receipt.retry.after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_domain::{Retry, Throttle};

    fn described(scope: Option<&str>, retry: Retry) -> Vec<(String, String)> {
        let scope = scope.map(str::to_owned);
        let receipt =
            Refusal { throttle: Throttle::Burst, scope, limit: 300, used: 301, holders: vec![], retry, waited_ms: 0 };
        let mut headers = HeaderMap::new();
        describe(&mut headers, &receipt);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut found: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        found.sort();
        found
    }

    #[test]
    fn a_receipt_is_told_in_headers() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let whole = described(Some("svc"), Retry::After { after_ms: 1001 });
        let expected = [
            pair("retry-after", "2"),
            pair("x-sluice-limit", "burst"),
            pair("x-sluice-limit-scope", "svc"),
            pair("x-sluice-limit-used", "301"),
            pair("x-sluice-limit-value", "300"),
        ];
        assert_eq!(whole, expected);
        let least = described(None, Retry::Never);
        assert_eq!(least, [expected[1].clone(), expected[3].clone(), expected[4].clone()]);
        assert_eq!(described(Some("命名"), Retry::About { after_ms: 0 }), least, "no scope, no time known");
    }
}
