//! HTTP to one server, with errors that say what to do.

use anyhow::{Context, bail};
use http::{HeaderMap, Method, StatusCode, Uri, uri::Authority};
use std::{io, time::Duration};
use ureq::Agent;

/// More than any answer of a function or an API call.
const ANSWER_LIMIT: u64 = 256 << 20;

/// Where a server is.
pub struct Transport {
    agent: Agent,
    endpoint: String,
    authority: Authority,
}

/// What it said.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Transport {
    pub fn new(endpoint: &str) -> anyhow::Result<Self> {
        let wrong = || {
            format!("endpoint '{endpoint}' is not an address like http://127.0.0.1:9400 (--endpoint, SLUICE_ENDPOINT)")
        };
        let uri: Uri = endpoint.parse().with_context(wrong)?;
        let authority = uri.authority().cloned().with_context(wrong)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || !matches!(uri.path(), "" | "/") {
            bail!(wrong());
        }
        // No proxy: the server is usually on this machine, and calls carry signatures. No overall limit: a
        // synchronous call may take a quarter of an hour.
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .build()
            .new_agent();
        Ok(Self { agent, endpoint: endpoint.trim_end_matches('/').to_owned(), authority })
    }

    /// The value of the Host header.
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    pub fn send(&self, method: Method, path: &str, headers: HeaderMap, body: &[u8]) -> anyhow::Result<Answer> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.endpoint)).body(body)?;
        *request.headers_mut() = headers;
        let response = self.agent.run(request).map_err(|error| self.explain(error))?;
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(ANSWER_LIMIT).read_to_vec().map_err(|error| self.explain(error))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    fn explain(&self, error: ureq::Error) -> anyhow::Error {
        let endpoint = &self.endpoint;
        match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                anyhow::anyhow!(
                    "no server answers at {endpoint}: start one with `sluice serve`, or name another with --endpoint"
                )
            }
            ureq::Error::HostNotFound => {
                anyhow::anyhow!("the host of {endpoint} is not known: check --endpoint or SLUICE_ENDPOINT")
            }
            error => anyhow::Error::new(error).context(format!("the call to {endpoint} did not succeed")),
        }
    }
}
