//! TC3-HMAC-SHA256 from the client's side, written apart from the server's so that the two check each other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{fmt::Write, net::SocketAddr};

/// A key pair and where it is used.
#[derive(Clone, Copy, Debug)]
pub struct Signer {
    pub key_id: &'static str,
    pub secret: &'static str,
    pub region: &'static str,
    pub address: SocketAddr,
}

impl Signer {
    /// A whole signed request, ready to be written to a socket. Good for five minutes.
    pub fn request(&self, action: &str, body: &str) -> Vec<u8> {
        let seconds = jiff::Timestamp::now().as_second();
        let authorization = self.authorization(body, seconds);
        let (address, region, length) = (self.address, self.region, body.len());
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nX-TC-Action: {action}\r\n\
             X-TC-Version: 2018-04-16\r\nX-TC-Timestamp: {seconds}\r\nX-TC-Region: {region}\r\n\
             Authorization: {authorization}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }

    fn authorization(&self, body: &str, seconds: i64) -> String {
        let day = day(seconds);
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/json\nhost:{}\n\ncontent-type;host\n{}",
            self.address,
            hex(&Sha256::digest(body.as_bytes()))
        );
        let scope = format!("{day}/scf/tc3_request");
        let to_sign = format!("TC3-HMAC-SHA256\n{seconds}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = mac(format!("TC3{}", self.secret).as_bytes(), day.as_bytes());
        for part in ["scf", "tc3_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        format!(
            "TC3-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=content-type;host, Signature={signature}",
            self.key_id
        )
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// The UTC date of a moment, `YYYY-MM-DD`.
fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(1_767_225_599), "2025-12-31");
        assert_eq!(day(1_767_225_600), "2026-01-01");
    }

    #[test]
    fn the_signature_follows_key_body_and_time() {
        let signer = Signer { key_id: "id", secret: "s", region: "r", address: "127.0.0.1:80".parse().unwrap() };
        let one = signer.authorization("{}", 1_767_225_600);
        assert!(one.starts_with("TC3-HMAC-SHA256 Credential=id/2026-01-01/scf/tc3_request, SignedHeaders="));
        assert_ne!(one, signer.authorization("{ }", 1_767_225_600));
        assert_ne!(one, signer.authorization("{}", 1_767_225_601));
        assert_ne!(one, Signer { secret: "t", ..signer }.authorization("{}", 1_767_225_600));
    }
}
