//! What a Host header says. Clients send it without the port, with a trailing slash, or as a whole address.

use http::{header, request::Parts};

/// The Host as received, or the authority of an absolute request target.
pub fn of(parts: &Parts) -> &str {
    let header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default()
}

/// Without scheme and trailing slashes.
pub fn bare(host: &str) -> &str {
    let host = host.trim();
    let host = host.strip_prefix("http://").or_else(|| host.strip_prefix("https://")).unwrap_or(host);
    host.trim_end_matches('/')
}

/// Account and region of a host of the form `{account}.{region}.fc.…`; `-internal` hosts are the same region.
pub fn account_and_region(host: &str) -> Option<(&str, &str)> {
    let mut labels = bare(host).split('.');
    let (account, region) = (labels.next()?, labels.next()?);
    if labels.next()? != "fc" || account.is_empty() || region.is_empty() {
        return None;
    }
    Some((account, region.strip_suffix("-internal").unwrap_or(region)))
}

/// Whether it ends in a port.
pub fn has_port(host: &str) -> bool {
    bare(host).rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_hosts_name_account_and_region() {
        assert_eq!(account_and_region("123.cn-shanghai.fc.aliyuncs.com"), Some(("123", "cn-shanghai")));
        assert_eq!(account_and_region("http://123.cn-hangzhou-internal.fc.x/"), Some(("123", "cn-hangzhou")));
        assert_eq!(account_and_region("127.0.0.1:9400"), None);
        assert_eq!(account_and_region("localhost"), None);
        assert_eq!(account_and_region(".cn-shanghai.fc.aliyuncs.com"), None);
    }

    #[test]
    fn every_spelling_of_a_host_is_read() {
        for host in ["127.0.0.1:9400", "127.0.0.1:9400/", "http://127.0.0.1:9400", "https://127.0.0.1:9400//"] {
            assert_eq!(bare(host), "127.0.0.1:9400");
            assert!(has_port(host));
        }
        assert!(!has_port("127.0.0.1"));
    }
}
