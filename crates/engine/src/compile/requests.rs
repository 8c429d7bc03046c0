//! From the step of a request to what is sent.

use apibench_core::expression::Template as WrittenText;
use apibench_core::plan::{Connections, Cookies, Host};
use apibench_core::step::{Expect, PythonUserRequest, StatusRange, Step};
use apibench_core::transport::HostIndex;

use crate::program::{CompileError, Operation};
use crate::python::{Given, PythonUser};
use crate::request::{BaseUrl, Content, Request, RequestParts, USER_AGENT};
use crate::sigv4::Signing;

use super::{Compiler, Unfinished, fault};

impl<'a> Compiler<'a> {
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
        let (number, target) = self.host(host, place)?;
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
        let mut request = self.request_to(number, target, method, name, content, into);
        request.closes |= asks_to_close(&all);
        request.joins_cookies &= !has_own_cookies(&all);
        request.expected = special(expect);
        Ok(request)
    }

    /// The requests of a user of Python, whose texts it gives, and the operation that has it give them.
    pub(super) fn python_user(
        &mut self,
        step: &Step,
        place: &str,
        into: &mut Unfinished<'_>,
    ) -> Result<(), CompileError> {
        let Step::PythonUser {
            function,
            host,
            arguments,
            requests,
            checks,
            ..
        } = step
        else {
            return Err(fault(place, "not a user of Python".to_owned()));
        };
        if !into.scenario.defaults.headers.is_empty() {
            return Err(fault(place, "a user of Python sets all headers itself".to_owned()));
        }
        let (number, target) = self.host(host, place)?;
        let url = BaseUrl::parse(&target.base_url).map_err(|message| fault(place, message))?;
        let first_request = self.requests.len() as u32;
        for PythonUserRequest { name, method } in requests {
            let given = Given::new(method, &url, USER_AGENT, target.keepalive);
            let mut request = self.request_to(number, target, method, name, Content::Given(given), into);
            request.keeps_response = true;
            self.requests.push(request);
        }
        let call = self.python(function, arguments, place, into)?;
        let user = PythonUser {
            call,
            first_request,
            requests: requests.len() as u16,
            checks: checks.iter().map(|name| into.check(name)).collect(),
        };
        into.push(Operation::PythonUser(Box::new(user)), place);
        Ok(())
    }

    fn host(&self, name: &str, place: &str) -> Result<(HostIndex, &'a Host), CompileError> {
        let number = self.hosts.iter().position(|known| known == name);
        match (number, self.plan.hosts.get(name)) {
            (Some(number), Some(host)) => Ok((HostIndex(number as u16), host)),
            _ => Err(fault(place, format!("there is no host '{name}'"))),
        }
    }

    /// A request of a method to a host, which says nothing else of itself.
    fn request_to(
        &mut self,
        number: HostIndex,
        target: &Host,
        method: &str,
        name: &str,
        content: Content,
        into: &Unfinished<'_>,
    ) -> Request {
        let series = self.series_of(into.index, name);
        let redirect_series = (target.redirects > 0).then(|| self.series_of(into.index, &format!("{name} → redirect")));
        Request {
            content,
            method: method.to_owned(),
            host: number,
            series,
            redirect_series,
            redirects: target.redirects,
            shares_connections: matches!(target.connections, Connections::Shared { .. }),
            head_request: method == "HEAD",
            may_retry: matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE"),
            closes: !target.keepalive,
            joins_cookies: into.scenario.defaults.cookies != Cookies::Off,
            expected: None,
            extracts: Vec::new(),
            keeps_response: false,
        }
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
