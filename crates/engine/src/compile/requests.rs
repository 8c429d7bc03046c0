//! From the step of a request to what is sent.

use apibench_core::expression::Template as WrittenText;
use apibench_core::plan::{Connections, Cookies};
use apibench_core::step::{Expect, StatusRange, Step};
use apibench_core::transport::HostIndex;

use crate::program::CompileError;
use crate::request::{Content, Request, RequestParts};
use crate::sigv4::Signing;

use super::{Compiler, Unfinished, fault};

impl Compiler<'_> {
    pub(super) fn request(
        &mut self,
        step: &Step,
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<Request, CompileError> {
        let Step::Request {
            name,
            host,
            method,
            path,
            headers,
            body,
            sign,
            expect,
            ..
        } = step
        else {
            return Err(fault(place, "not a request".to_owned()));
        };
        let number = self.hosts.iter().position(|known| known == host);
        let (Some(number), Some(target)) = (number, self.plan.hosts.get(host)) else {
            return Err(fault(place, format!("there is no host '{host}'")));
        };
        let own = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let defaults = into.scenario.defaults.headers.iter();
        let mut all: Vec<_> = defaults.filter(|(name, _)| !own(name)).cloned().collect();
        all.extend(headers.iter().cloned());
        let parts = RequestParts {
            method,
            path,
            headers: &all,
            body: body.as_ref(),
            host: target,
        };
        let mut template = parts
            .compile(&mut into.variables)
            .map_err(|message| fault(place, message))?;
        if let Some(sign) = sign {
            if target.redirects > 0 {
                return Err(fault(place, "a signed request follows no redirects".to_owned()));
            }
            let names = all.iter().map(|(name, _)| name.as_str());
            let signing =
                Signing::compile(sign, names, &mut into.variables).map_err(|message| fault(place, message))?;
            template.sign(signing);
        }
        // Whether anything of it is late or not: its number then follows from the plan's steps alone.
        let check = into.check(&format!("values of {name}"));
        let content = match template.known() {
            Some(bytes) => Content::Known(bytes),
            None => Content::Late { template, check },
        };
        let series = self.series_of(into.index, name);
        let redirect_series = (target.redirects > 0).then(|| self.series_of(into.index, &format!("{name} → redirect")));
        Ok(Request {
            content,
            method: method.clone(),
            host: HostIndex(number as u16),
            series,
            redirect_series,
            redirects: target.redirects,
            shares_connections: matches!(target.connections, Connections::Shared { .. }),
            head_request: method == "HEAD",
            may_retry: matches!(method.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE"),
            closes: !target.keepalive || asks_to_close(&all),
            joins_cookies: into.scenario.defaults.cookies != Cookies::Off && !has_own_cookies(&all),
            expected: special(expect),
            extracts: Vec::new(),
        })
    }
}

/// Whether headers say that the request is the last on its connection (RFC 9112 §9.6).
fn asks_to_close(headers: &[(String, WrittenText)]) -> bool {
    let mut connection = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    connection.any(|(_, value)| {
        // Python lets no plan through that sets this header at all.
        let WrittenText::Known(value) = value else { return false };
        value
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    })
}

/// A request that says itself which cookies it sends is left as it is.
fn has_own_cookies(headers: &[(String, WrittenText)]) -> bool {
    headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"))
}

/// What a step expects, unless it is what every step does.
fn special(expect: &Expect) -> Option<Box<[StatusRange]>> {
    let usual = [StatusRange { first: 100, last: 399 }];
    (expect.status != usual).then(|| expect.status.clone().into_boxed_slice())
}
